//! An error of the TLS library in; a stable code and words that a technician can act on out. Pure.

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
        rustls::Error::AlertReceived(alert) => broker_says(*alert, presents),
        rustls::Error::InvalidCertRevocationList(problem) => {
            Trouble::new(Cause::TlsHandshake, format!("the revocation list cannot be used: {problem:?}"))
        }
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Cause::TlsVersion.into(),
        rustls::Error::InvalidMessage(_) => Trouble::new(Cause::TlsHandshake, "it does not speak TLS on this port"),
        other => Trouble::new(Cause::TlsHandshake, other),
    }
}

/// What this device finds wrong with the broker's certificate.
fn certificate(problem: &CertificateError, clock: &Reading) -> Trouble {
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Trouble::new(Cause::TlsUnknownAuthority, "mqtt.ca_file has another")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            if clock.trusted {
                Cause::TlsNotYetValid.into()
            } else {
                Cause::ClockUntrusted.into()
            }
        }
        // Past its end by a clock that may run ahead is not the certificate's fault; past a time that has passed, it is.
        CertificateError::ExpiredContext { not_after, .. } if !clock.trusted && !has_passed(not_after, clock) => {
            Cause::ClockUntrusted.into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Cause::TlsExpired.into(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            // as `DnsName("broker")`
            let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            Trouble::new(Cause::TlsWrongHost, presented.iter().map(bare).collect::<Vec<_>>().join(", "))
        }
        CertificateError::NotValidForName => Cause::TlsWrongHost.into(),
        CertificateError::Revoked => Cause::TlsRevoked.into(),
        CertificateError::UnknownRevocationStatus => {
            Trouble::new(Cause::TlsHandshake, "mqtt.crl_file has no list of the authority of the broker's certificate")
        }
        other => Trouble::new(Cause::TlsHandshake, format!("the broker's certificate: {other}")),
    }
}

fn has_passed(not_after: &UnixTime, clock: &Reading) -> bool {
    let secs = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(secs).is_ok_and(|not_after| not_after < clock.passed)
}

/// What the broker finds wrong with this client. With TLS 1.3 it says so after the handshake, at the first read.
fn broker_says(alert: AlertDescription, presents: bool) -> Trouble {
    use AlertDescription as Alert;
    match alert {
        Alert::ProtocolVersion => Cause::TlsVersion.into(),
        Alert::CertificateRevoked => Cause::TlsCertificateRevoked.into(),
        Alert::CertificateExpired => Trouble::new(Cause::TlsCertificateExpired, "or not yet valid by its clock"),
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
            Trouble::new(Cause::TlsCertificateRefused, format!("{alert:?}"))
        }
        other => Trouble::new(Cause::TlsHandshake, format!("the broker ends it: {other:?}")),
    }
}

fn required() -> Trouble {
    Trouble::new(Cause::TlsCertificateRequired, "set mqtt.certificate_file and its key")
}
