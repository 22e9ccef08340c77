//! Where the server is, and what opens it. A credential is never printed.

use std::fmt;

use ureq::http::Uri;

use crate::publish::Tls;

/// How the device proves who it is, besides its certificate.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The security token of this target.
    TargetToken(String),
    /// The token of a gateway, good for every target of the tenant.
    GatewayToken(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TargetToken(_) => "TargetToken(..)",
            Self::GatewayToken(_) => "GatewayToken(..)",
        })
    }
}

impl Credential {
    pub(super) fn header(&self) -> String {
        match self {
            Self::TargetToken(token) => format!("TargetToken {token}"),
            Self::GatewayToken(token) => format!("GatewayToken {token}"),
        }
    }
}

/// Where the server is and how to get in.
#[derive(Clone, Debug)]
pub struct Access {
    /// `https://HOST[:PORT][/PATH]`, or `http://` in a laboratory.
    pub url: String,
    /// hawkBit's tenant.
    pub tenant: String,
    /// The device's name at the server.
    pub controller: String,
    /// A token, unless the certificate is enough.
    pub credential: Option<Credential>,
    /// Needed for `https`.
    pub tls: Option<Tls>,
}

/// Scheme, host and port of an address.
pub(super) type Origin = (String, String, Option<u16>);

pub(super) fn origin(url: &str) -> Option<Origin> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    Some((scheme, uri.host()?.to_ascii_lowercase(), uri.port_u16().or(Some(usual))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_goes_to_the_configured_server_only() {
        let same = |a: &str, b: &str| origin(a) == origin(b);
        assert!(same("https://hawkbit.example", "https://HAWKBIT.example:443/a/b"));
        for other in ["http://hawkbit.example/a", "https://hawkbit.example:8443/a", "https://cdn.example/a", "", "x"] {
            assert!(!same("https://hawkbit.example", other), "{other}");
        }
    }

    #[test]
    fn a_token_is_never_in_what_is_printed() {
        let printed = format!("{:?}", Credential::TargetToken("secret".into()));
        assert!(!printed.contains("secret"), "{printed}");
    }
}
