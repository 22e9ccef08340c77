//! What keeps other pages and other machines out of the clinic's page: decisions on headers. Pure.
//!
//! A page of somebody else in the same browser can reach a server on loopback. So the host of a request must be one of
//! ours (or a name that points to us would do: DNS rebinding), what changes something must come from our own page, and
//! no page may frame ours.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Sent with every answer.
pub const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host is none of ours.
    #[error("this page is not served under that name")]
    Host,
    /// It comes from another page.
    #[error("only this page itself may do that")]
    Origin,
}

/// The names under which a page is served.
#[derive(Clone, Debug)]
pub struct Guard {
    hosts: Vec<String>,
}

impl Guard {
    /// On loopback under its usual names, and under the names that were allowed.
    pub fn new(address: SocketAddr, allowed: &[String]) -> Self {
        let port = address.port();
        let mut hosts = vec![address.to_string()];
        if address.ip().is_loopback() {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}")));
        }
        for name in allowed {
            let name = name.to_ascii_lowercase();
            hosts.push(format!("{name}:{port}"));
            hosts.push(name);
        }
        Self { hosts }
    }

    /// Whether a request may pass.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let host = text(header::HOST).filter(|host| self.hosts.contains(host)).ok_or(Refusal::Host)?;
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        // Every browser says where a change comes from; a program that is no browser need not.
        let origin = text(header::ORIGIN);
        let same = |origin: &str| origin.split_once("://").is_some_and(|(_, rest)| rest == host);
        let site = text(HeaderName::from_static("sec-fetch-site"));
        let foreign = site.is_some_and(|site| site != "same-origin") || origin.is_some_and(|origin| !same(&origin));
        if foreign { Err(Refusal::Origin) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn check(method: Method, given: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        Guard::new("127.0.0.1:8080".parse().unwrap(), &["Clinic-1.example".into()]).check(&method, &headers)
    }

    #[test]
    fn only_our_own_names_are_served() {
        for ours in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "clinic-1.example", "CLINIC-1.example:8080"] {
            assert_eq!(check(Method::GET, &[("host", ours)]), Ok(()), "{ours}");
        }
        for other in
            ["evil.example:8080", "127.0.0.1:9090", "127.0.0.1", "localhost", "127.0.0.1.evil.example:8080", ""]
        {
            assert_eq!(check(Method::GET, &[("host", other)]), Err(Refusal::Host), "{other}");
        }
        assert_eq!(check(Method::GET, &[]), Err(Refusal::Host));
    }

    #[test]
    fn a_change_comes_from_our_own_page() {
        let post = |headers: &[(&str, &str)]| check(Method::POST, &[&[("host", "localhost:8080")], headers].concat());
        assert_eq!(post(&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(post(&[]), Ok(()), "a program that is no browser");
        for other in ["http://evil.example", "null", "http://localhost:9090", "http://127.0.0.1:8080"] {
            assert_eq!(post(&[("origin", other)]), Err(Refusal::Origin), "{other}");
        }
        assert_eq!(post(&[("sec-fetch-site", "cross-site")]), Err(Refusal::Origin));
        assert_eq!(post(&[("sec-fetch-site", "same-site")]), Err(Refusal::Origin));
    }

    #[test]
    fn a_name_that_was_not_allowed_is_not_ours_beyond_loopback() {
        let guard = Guard::new("0.0.0.0:8080".parse().unwrap(), &["clinic-1".into()]);
        let host = |name: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, name.parse().unwrap())]);
            guard.check(&Method::GET, &headers)
        };
        assert_eq!(host("clinic-1:8080"), Ok(()));
        assert_eq!(host("localhost:8080"), Err(Refusal::Host));
    }
}
