//! An error of the TLS library in; a stable code and words that a technician can act on out. Pure.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::clock::Reading;

/// Why TLS failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsReason {
    /// For the wire: `tls_unknown_issuer`, `tls_expired`, `tls_wrong_host`, `tls_client_certificate_required`,
    /// `tls_client_certificate_refused`, `tls_revoked`, `tls_version`, `clock_untrusted` or `tls_other`.
    pub code: &'static str,
    /// For people.
    pub words: String,
}

impl TlsReason {
    fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }

    fn clock() -> Self {
        Self::new("clock_untrusted", "the broker's certificate cannot be checked: the clock is not set")
    }
}

/// The library's error inside whatever wraps it. A custom `io::Error` hides its content from `source()`, and so does the
/// MQTT library what it reads (with TLS 1.3, a refused client certificate among it).
pub(super) fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let of_io = error.downcast_ref::<io::Error>().or_else(|| read_error(error));
        next = match of_io.and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// What the MQTT libraries could not read, for lack of a `source()` of theirs.
fn read_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    if let Some(rumqttc::StateError::Deserialization(rumqttc::mqttbytes::Error::Io(error))) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(rumqttc_v4::StateError::Deserialization(rumqttc_v4::mqttbytes::Error::Io(error))) = error.downcast_ref()
    {
        return Some(error);
    }
    None
}

/// `clock` is what was known of the time; `presents` says whether this client has a certificate to show.
pub(super) fn of(error: &rustls::Error, clock: &Reading, presents: bool) -> Option<TlsReason> {
    Some(match error {
        rustls::Error::InvalidCertificate(problem) => certificate(problem, clock),
        rustls::Error::AlertReceived(alert) => broker_says(*alert, presents),
        rustls::Error::InvalidCertRevocationList(problem) => {
            TlsReason::new("tls_other", format!("the revocation list cannot be used: {problem:?}"))
        }
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => old_version(),
        rustls::Error::InvalidMessage(_) => TlsReason::new("tls_other", "the broker does not speak TLS on this port"),
        other => TlsReason::new("tls_other", format!("TLS: {other}")),
    })
}

fn old_version() -> TlsReason {
    TlsReason::new("tls_version", "the broker speaks only TLS 1.1 or older; it needs 1.2 or 1.3")
}

/// What this device finds wrong with the broker's certificate.
fn certificate(problem: &CertificateError, clock: &Reading) -> TlsReason {
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsReason::new("tls_unknown_issuer", "the broker's certificate is not of the authority in mqtt.ca_file")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } if !clock.trusted => {
            TlsReason::clock()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsReason::new("tls_other", "the broker's certificate is not yet valid")
        }
        // Past its end by a clock that may run ahead is not the certificate's fault; past a time that has passed, it is.
        CertificateError::ExpiredContext { not_after, .. } if !clock.trusted && !has_passed(not_after, clock) => {
            TlsReason::clock()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsReason::new("tls_expired", "the broker's certificate has expired")
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            // as `DnsName("broker")`
            let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            let names = presented.iter().map(bare).collect::<Vec<_>>().join(", ");
            TlsReason::new("tls_wrong_host", format!("the broker's certificate is for another host: {names}"))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsReason::new("tls_wrong_host", "the broker's certificate is for another host")
        }
        CertificateError::Revoked => TlsReason::new("tls_revoked", "the broker's certificate is revoked"),
        CertificateError::UnknownRevocationStatus => {
            TlsReason::new("tls_other", "mqtt.crl_file has no list of the authority of the broker's certificate")
        }
        other => TlsReason::new("tls_other", format!("the broker's certificate: {other}")),
    }
}

fn has_passed(not_after: &UnixTime, clock: &Reading) -> bool {
    let secs = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(secs).is_ok_and(|not_after| not_after < clock.passed)
}

/// What the broker finds wrong with this client. With TLS 1.3 it says so after the handshake, at the first read.
fn broker_says(alert: AlertDescription, presents: bool) -> TlsReason {
    use AlertDescription as Alert;
    match alert {
        Alert::ProtocolVersion => old_version(),
        Alert::CertificateRevoked => {
            TlsReason::new("tls_revoked", "the broker says that this device's certificate is revoked")
        }
        Alert::CertificateExpired => TlsReason::new(
            "tls_expired",
            "the broker says that this device's certificate has expired or is not yet valid",
        ),
        // TLS 1.2 has no word of its own for a certificate that is missing (RFC 5246, 7.4.6).
        Alert::CertificateRequired => required(),
        Alert::HandshakeFailure | Alert::BadCertificate if !presents => required(),
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied
        | Alert::DecryptError
            if presents =>
        {
            TlsReason::new(
                "tls_client_certificate_refused",
                format!("the broker refuses this device's certificate ({alert:?})"),
            )
        }
        other => TlsReason::new("tls_other", format!("the broker ends TLS: {other:?}")),
    }
}

fn required() -> TlsReason {
    TlsReason::new(
        "tls_client_certificate_required",
        "the broker wants a client certificate: set mqtt.certificate_file and its key",
    )
}
