//! An error of the TLS library in; the cause that it has for a technician out. Pure.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::clock::Reading;
use crate::publish::cause::{Cause, Trouble};

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
pub(super) fn of(error: &rustls::Error, clock: &Reading, presents: bool) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(problem) => certificate(problem, clock),
        rustls::Error::AlertReceived(alert) => {
            let cause = broker_says(*alert, presents);
            Trouble::new(cause, format!("alert {alert:?}"))
        }
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Cause::TlsVersion.into(),
        rustls::Error::InvalidMessage(_) => Trouble::new(Cause::TlsHandshake, "what answers does not speak TLS"),
        other => Trouble::new(Cause::TlsHandshake, other),
    }
}

/// What this device finds wrong with the broker's certificate.
fn certificate(problem: &CertificateError, clock: &Reading) -> Trouble {
    let cause = match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Cause::TlsUnknownAuthority,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } if !clock.trusted => {
            Cause::ClockUntrusted
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Cause::TlsNotYetValid,
        // Past its end by a clock that may run ahead is not the certificate's fault; past a time that has passed, it is.
        CertificateError::ExpiredContext { not_after, .. } if !clock.trusted && !has_passed(not_after, clock) => {
            Cause::ClockUntrusted
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Cause::TlsExpired,
        CertificateError::NotValidForNameContext { presented, .. } => {
            // as `DnsName("broker")`
            let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            return Trouble::new(Cause::TlsWrongHost, presented.iter().map(bare).collect::<Vec<_>>().join(", "));
        }
        CertificateError::NotValidForName => Cause::TlsWrongHost,
        CertificateError::Revoked => Cause::TlsRevoked,
        CertificateError::UnknownRevocationStatus => Cause::TlsNoRevocationList,
        other => return Trouble::new(Cause::TlsHandshake, format!("the broker's certificate: {other}")),
    };
    cause.into()
}

fn has_passed(not_after: &UnixTime, clock: &Reading) -> bool {
    let secs = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(secs).is_ok_and(|not_after| not_after < clock.passed)
}

/// What the broker finds wrong with this client. With TLS 1.3 it says so after the handshake, at the first read.
fn broker_says(alert: AlertDescription, presents: bool) -> Cause {
    use AlertDescription as Alert;
    match alert {
        Alert::ProtocolVersion => Cause::TlsVersion,
        Alert::CertificateRequired => Cause::TlsCertificateRequired,
        // TLS 1.2 has no word of its own for a certificate that is missing (RFC 5246, 7.4.6).
        Alert::HandshakeFailure | Alert::BadCertificate if !presents => Cause::TlsCertificateRequired,
        Alert::CertificateRevoked => Cause::TlsCertificateRevoked,
        Alert::CertificateExpired => Cause::TlsCertificateExpired,
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied
        | Alert::DecryptError => Cause::TlsCertificateRefused,
        _ => Cause::TlsHandshake,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;

    fn clock(wall: &str, trusted: bool, passed: &str) -> Reading {
        Reading { wall: wall.parse().unwrap(), trusted, passed: passed.parse().unwrap() }
    }

    fn expired(not_after: &str) -> CertificateError {
        let at = |text: &str| {
            let secs = text.parse::<Timestamp>().unwrap().as_second().unsigned_abs();
            UnixTime::since_unix_epoch(Duration::from_secs(secs))
        };
        CertificateError::ExpiredContext { time: at("2099-01-01T00:00:00Z"), not_after: at(not_after) }
    }

    #[test]
    fn a_clock_that_may_run_ahead_is_blamed_before_the_certificate() {
        let ahead = clock("2099-01-01T00:00:00Z", false, "2027-01-01T00:00:00Z");
        assert_eq!(certificate(&expired("2028-01-01T00:00:00Z"), &ahead).cause, Cause::ClockUntrusted);
        assert_eq!(certificate(&expired("2026-12-31T00:00:00Z"), &ahead).cause, Cause::TlsExpired);
        let right = clock("2029-01-01T00:00:00Z", true, "2027-01-01T00:00:00Z");
        assert_eq!(certificate(&expired("2028-01-01T00:00:00Z"), &right).cause, Cause::TlsExpired);
    }

    #[test]
    fn not_yet_valid_is_the_clock_s_fault_only_while_it_is_not_trusted() {
        let early = clock("1970-01-01T00:00:00Z", false, "2026-01-01T00:00:00Z");
        assert_eq!(certificate(&CertificateError::NotValidYet, &early).cause, Cause::ClockUntrusted);
        let right = clock("2027-01-01T00:00:00Z", true, "2026-01-01T00:00:00Z");
        assert_eq!(certificate(&CertificateError::NotValidYet, &right).cause, Cause::TlsNotYetValid);
    }

    #[test]
    fn the_error_is_found_however_it_is_wrapped() {
        let alert = || rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let io = || io::Error::new(io::ErrorKind::InvalidData, alert());
        let of_read = rumqttc::StateError::Deserialization(rumqttc::mqttbytes::Error::Io(io()));
        let of_read_v4 = rumqttc_v4::StateError::Deserialization(rumqttc_v4::mqttbytes::Error::Io(io()));
        for error in [
            Box::new(io()) as Box<dyn Error>,
            Box::new(rumqttc::ConnectionError::Io(io())),
            Box::new(rumqttc::ConnectionError::Tls(io().into())),
            Box::new(rumqttc::ConnectionError::MqttState(of_read)),
            Box::new(rumqttc_v4::ConnectionError::MqttState(of_read_v4)),
        ] {
            assert_eq!(rustls_error(error.as_ref()), Some(&alert()), "{error:?}");
        }
        assert_eq!(rustls_error(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
