//! Why the broker is not reached, or does not take a message: a stable code for the wire, words for people.
//!
//! The client libraries' errors are translated into these; nothing else of them leaves `client`. Never carries a payload,
//! a topic or a password.

use std::fmt;
use std::io;

use serde::Serialize;

/// Declares the enum with the code and the words of each cause, so that none can be without.
macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// What is in the way.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[$doc])* $name,)*
        }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the wire, on the screen and in the metrics; never changes.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One line that a technician can act on.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

causes! {
    /// The device has just started.
    NotTried = "not_tried", "the first connection is not made yet";
    /// No address for the name.
    Dns = "dns", "the broker's name is not found";
    /// No way to the address.
    Unreachable = "unreachable", "there is no way to the broker's network";
    /// Nothing listens there.
    ConnectionRefused = "connection_refused", "nothing listens at the broker's address";
    /// No connection, no CONNACK or no answer to a ping in time.
    NoAnswer = "no_answer", "the broker does not answer";
    /// Connected, but no PUBACK in time.
    NotAcknowledged = "not_acknowledged", "the broker does not acknowledge";
    /// The connection ended without a word.
    ConnectionLost = "connection_lost", "the connection was cut";
    /// CONNACK 0x86.
    BadCredentials = "bad_credentials", "the broker refuses user name or password";
    /// 0x87.
    NotAuthorized = "not_authorized", "the broker does not authorize this device";
    /// CONNACK 0x8A.
    Banned = "banned", "the broker has banned this device";
    /// CONNACK 0x85.
    ClientIdRefused = "client_id_refused", "the broker refuses the device's client id";
    /// CONNACK 0x84.
    ProtocolNotSupported = "protocol_not_supported", "the broker does not speak this version of MQTT";
    /// CONNACK 0x88.
    ServerUnavailable = "server_unavailable", "the broker is not available";
    /// 0x89.
    ServerBusy = "server_busy", "the broker is busy";
    /// DISCONNECT 0x8B.
    ServerShuttingDown = "server_shutting_down", "the broker shuts down";
    /// 0x9C and 0x9D.
    ServerMoved = "server_moved", "the broker has moved";
    /// 0x9F.
    ConnectionRateExceeded = "connection_rate_exceeded", "the broker finds connections too frequent";
    /// DISCONNECT 0x8D.
    KeepAliveTimeout = "keep_alive_timeout", "the broker has heard nothing from the device";
    /// DISCONNECT 0x8E: two devices with one name.
    SessionTakenOver = "session_taken_over", "another device uses this device's name";
    /// DISCONNECT 0x98.
    AdministrativeAction = "administrative_action", "an administrator has closed the connection";
    /// 0x95, or over the Maximum Packet Size of CONNACK.
    PacketTooLarge = "packet_too_large", "a message is too large for the broker";
    /// DISCONNECT 0x96.
    MessageRateTooHigh = "message_rate_too_high", "the broker finds messages too frequent";
    /// 0x97.
    QuotaExceeded = "quota_exceeded", "the broker's quota is used up";
    /// 0x90.
    TopicRefused = "topic_refused", "the broker refuses the topic";
    /// 0x99.
    PayloadRefused = "payload_refused", "the broker refuses the payload's format";
    /// 0x9A.
    RetainNotSupported = "retain_not_supported", "the broker keeps no messages";
    /// 0x9B.
    QosNotSupported = "qos_not_supported", "the broker does not confirm messages";
    /// 0x80, 0x83, or a SUBACK that is no more than a refusal.
    Refused = "refused", "the broker refuses without a reason";
    /// Not MQTT, or against its rules.
    ProtocolError = "protocol_error", "what answers does not keep to MQTT";
    /// The broker's certificate is of another authority.
    TlsUnknownAuthority = "tls_unknown_authority", "the broker's certificate is not of the authority in mqtt.ca_file";
    /// The broker's certificate is past its end.
    TlsExpired = "tls_expired", "the broker's certificate has expired";
    /// The broker's certificate is for later, by a clock that is right.
    TlsNotYetValid = "tls_not_yet_valid", "the broker's certificate is not yet valid";
    /// The broker's certificate is for another host.
    TlsWrongHost = "tls_wrong_host", "the broker's certificate is for another host";
    /// The broker's certificate is in mqtt.crl_file.
    TlsRevoked = "tls_revoked", "the broker's certificate is revoked";
    /// mqtt.crl_file is of another authority.
    TlsNoRevocationList = "tls_no_revocation_list", "mqtt.crl_file has no list of the broker's authority";
    /// The broker wants a certificate, and none is set.
    TlsCertificateRequired = "tls_certificate_required", "the broker wants a client certificate";
    /// The broker does not take this client's certificate.
    TlsCertificateRefused = "tls_certificate_refused", "the broker refuses this device's certificate";
    /// The broker says that this client's certificate is past its end, or for later.
    TlsCertificateExpired = "tls_certificate_expired", "the broker finds this device's certificate out of date";
    /// The broker says that this client's certificate is revoked.
    TlsCertificateRevoked = "tls_certificate_revoked", "the broker finds this device's certificate revoked";
    /// Too old on the other side.
    TlsVersion = "tls_version", "the broker speaks neither TLS 1.2 nor 1.3";
    /// Any other failure of TLS.
    TlsHandshake = "tls_handshake", "no secure connection to the broker";
    /// A certificate may be valid, but not by the time that this device knows of.
    ClockUntrusted = "clock_untrusted", "the broker's certificate cannot be checked: the clock is not set";
    /// Not a fault: the next link uses the new ones.
    CertificateRenewed = "certificate_renewed", "the certificate files were renewed";
    /// The client library gave up.
    Client = "client", "the device's MQTT client has failed";
}

impl Cause {
    /// True where a broker that hangs up for it means the message that it got last.
    pub const fn is_of_a_message(self) -> bool {
        matches!(
            self,
            Self::PacketTooLarge
                | Self::TopicRefused
                | Self::PayloadRefused
                | Self::RetainNotSupported
                | Self::QosNotSupported
        )
    }

    /// The cause with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.code() == code)
    }
}

/// As its code.
impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// A cause, and what is known beyond it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Serialize)]
pub struct Trouble {
    /// What is in the way.
    pub cause: Cause,
    /// Numbers or the words of the other side, in one line; may be empty.
    pub detail: String,
}

impl Trouble {
    /// A cause with more to say.
    pub fn new(cause: Cause, detail: impl fmt::Display) -> Self {
        Self { cause, detail: detail.to_string() }
    }

    /// One line for the store: the code, then the detail.
    pub fn line(&self) -> String {
        if self.detail.is_empty() {
            self.cause.code().to_owned()
        } else {
            format!("{}: {}", self.cause.code(), self.detail)
        }
    }

    /// Reads [`Trouble::line`]; lines of older versions have no code.
    pub fn from_line(line: &str) -> Self {
        let (code, detail) = line.split_once(": ").unwrap_or((line, ""));
        Cause::from_code(code).map_or_else(|| Self::new(Cause::Refused, line), |cause| Self::new(cause, detail))
    }

    /// What the network or the resolver said; what TLS said, [`Tls::trouble`](super::Tls::trouble) knows.
    pub fn of_io(error: &io::Error) -> Self {
        let words = error.to_string();
        let cause = match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::ConnectionRefused,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Cause::Unreachable,
            io::ErrorKind::TimedOut => Cause::NoAnswer,
            // The standard library gives the resolver's failures no kind of their own.
            _ if words.contains("lookup address") => Cause::Dns,
            _ => Cause::ConnectionLost,
        };
        Self::new(cause, words)
    }
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Self { cause, detail: String::new() }
    }
}

/// The words, then the detail in brackets.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.words())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_snake_case_unique_and_found_again() {
        let codes: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert!(cause.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{cause:?}");
            assert_eq!(Cause::from_code(cause.code()), Some(*cause));
            assert!(cause.words().len() <= 72, "{cause:?} is too long for the screen");
        }
    }

    #[test]
    fn a_trouble_survives_the_store() {
        for trouble in
            [Trouble::new(Cause::PacketTooLarge, "2345 bytes, the limit is 2000"), Cause::QuotaExceeded.into()]
        {
            assert_eq!(Trouble::from_line(&trouble.line()), trouble);
        }
        let old = Trouble::from_line("the broker: not authorized");
        assert_eq!((old.cause, old.detail.as_str()), (Cause::Refused, "the broker: not authorized"));
    }

    #[test]
    fn the_network_s_faults_have_their_codes() {
        let of = |kind| Trouble::of_io(&io::Error::from(kind)).cause;
        assert_eq!(of(io::ErrorKind::ConnectionRefused), Cause::ConnectionRefused);
        assert_eq!(of(io::ErrorKind::HostUnreachable), Cause::Unreachable);
        assert_eq!(of(io::ErrorKind::TimedOut), Cause::NoAnswer);
        assert_eq!(of(io::ErrorKind::ConnectionReset), Cause::ConnectionLost);
        let resolver = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(Trouble::of_io(&resolver).cause, Cause::Dns);
    }
}
