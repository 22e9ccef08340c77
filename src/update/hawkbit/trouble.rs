//! What is in the way between this device and the hawkBit server, in words that name the cure. None of it is a fault of the
//! device, and none of it carries a token.

use crate::publish::Cause;

/// Why a round did not come to its end. It is tried again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection, or no answer in time.
    #[error("the hawkBit server is not reached: {0}")]
    Away(String),
    /// No secure connection.
    #[error("no secure connection to the hawkBit server: {0}")]
    Tls(String),
    /// 401 or 403.
    #[error(
        "the hawkBit server refuses this device ({0}): check update.hawkbit_token_file, or the device's certificate, and \
         that the tenant allows this way of authentication"
    )]
    Unauthorized(u16),
    /// 404 where the device itself should be.
    #[error(
        "the hawkBit server does not know this device (404): check update.hawkbit_url, hawkbit_tenant and hawkbit_controller"
    )]
    Unknown,
    /// Any other status.
    #[error("the hawkBit server answers {status} to {what}")]
    Status {
        /// The status.
        status: u16,
        /// What it was asked.
        what: &'static str,
    },
    /// Not what the API promises.
    #[error("the hawkBit server's answer to {what} cannot be used: {why}")]
    Nonsense {
        /// What it was asked.
        what: &'static str,
        /// What is wrong with the answer.
        why: String,
    },
    /// Not the server: the device's own disk or records.
    #[error("{0}")]
    Device(String),
}

/// A cause of the TLS library's, as of the hawkBit server.
pub(super) fn tls_words(cause: Cause) -> &'static str {
    match cause {
        Cause::TlsUnknownAuthority => "its certificate is not of the authority in update.hawkbit_ca_file",
        Cause::TlsExpired => "its certificate has expired",
        Cause::TlsNotYetValid => "its certificate is not yet valid",
        Cause::TlsWrongHost => "its certificate is for another host than update.hawkbit_url names",
        Cause::TlsRevoked => "its certificate is revoked",
        Cause::TlsNoRevocationList => "mqtt.crl_file has no list of its authority",
        Cause::TlsCertificateRequired => "it wants a client certificate: set mqtt.certificate_file and mqtt.key_file",
        Cause::TlsCertificateRefused => "it refuses the device's certificate (mqtt.certificate_file)",
        Cause::TlsCertificateExpired => "it finds the device's certificate out of date",
        Cause::TlsCertificateRevoked => "it finds the device's certificate revoked",
        Cause::TlsVersion => "it speaks neither TLS 1.2 nor 1.3",
        Cause::ClockUntrusted => "the device's clock is not set yet",
        _ => "the handshake failed",
    }
}
