//! Requests to the DDI API over HTTP: one method a resource, each answer bounded in size and time.
//!
//! Addresses are built from the configuration; only a download's address is the server's own. The credential goes to the
//! configured server and to nobody else.

use std::io::Read;
use std::time::Duration;

use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_RANGE, RANGE};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Error};

use super::access::{Access, Credential, Origin, origin};
use super::ddi::{self, Deployment, Offer};
use super::feedback::Feedback;
use super::transport::Securing;
use super::trouble::{Trouble, tls_words};
use crate::publish::Tls;

/// Largest answer that is read.
const LARGEST: u64 = 1 << 20;
const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(120);

/// Whether the server took what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It did.
    Taken,
    /// It does not want to hear of this action any more, and never will: the action is closed, removed, or the words are not
    /// to its liking.
    Closed(u16),
}

/// A file, or the rest of it.
pub(super) struct Part {
    /// Where it begins in the file.
    pub(super) from: u64,
    /// What follows.
    pub(super) bytes: Box<dyn Read>,
}

/// The server, seen by one device.
pub(super) struct Server {
    agent: Agent,
    base: String,
    origin: Option<Origin>,
    plain: bool,
    credential: Option<Credential>,
    tls: Option<Tls>,
}

impl Server {
    pub(super) fn new(access: &Access) -> Self {
        let plain = access.url.starts_with("http://");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!plain)
            .max_redirects(3)
            .user_agent(concat!("spinewatch/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .build();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(Securing(access.tls.clone()));
        let url = access.url.trim_end_matches('/');
        Self {
            agent: Agent::with_parts(config, connector, DefaultResolver::default()),
            base: format!("{url}/{}/controller/v1/{}", access.tenant, access.controller),
            origin: origin(url),
            plain,
            credential: access.credential.clone(),
            tls: access.tls.clone(),
        }
    }

    /// True where the server itself is reached over HTTP.
    pub(super) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// What the server offers.
    pub(super) fn offer(&self) -> Result<Offer, Trouble> {
        const WHAT: &str = "a poll";
        let response = self.get(&self.base)?;
        match response.status().as_u16() {
            200 => ddi::offer(&self.body(response, WHAT)?).map_err(|why| Trouble::Nonsense { what: WHAT, why }),
            404 => Err(Trouble::Unknown),
            status => Err(refused(status, WHAT)),
        }
    }

    /// What an action is about; `None` where the server has taken it back.
    pub(super) fn deployment(&self, id: &str) -> Result<Option<Deployment>, Trouble> {
        const WHAT: &str = "the question for a deployment";
        let read = |json: &[u8]| ddi::deployment(json, id);
        self.resource(&format!("deploymentBase/{id}"), WHAT, read)
    }

    /// The action that the cancellation `id` stops; `None` where there is none any more.
    pub(super) fn stopped(&self, id: &str) -> Result<Option<String>, Trouble> {
        self.resource(&format!("cancelAction/{id}"), "the question for a cancellation", ddi::stopped)
    }

    fn resource<T>(
        &self,
        path: &str,
        what: &'static str,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, Trouble> {
        let response = self.get(&format!("{}/{path}", self.base))?;
        match response.status().as_u16() {
            200 => read(&self.body(response, what)?).map(Some).map_err(|why| Trouble::Nonsense { what, why }),
            404 | 410 => Ok(None),
            status => Err(refused(status, what)),
        }
    }

    /// Tells how a deployment stands.
    pub(super) fn feedback(&self, id: &str, feedback: &Feedback) -> Result<Told, Trouble> {
        self.tell(&format!("deploymentBase/{id}/feedback"), &feedback.json(id))
    }

    /// Tells what came of a cancellation.
    pub(super) fn cancelled(&self, id: &str, feedback: &Feedback) -> Result<Told, Trouble> {
        self.tell(&format!("cancelAction/{id}/feedback"), &feedback.json(id))
    }

    /// Gives the consent that an action waits for.
    pub(super) fn confirm(&self, id: &str) -> Result<Told, Trouble> {
        let words = "update.hawkbit_confirm is set on the device";
        let body = serde_json::json!({ "confirmation": "confirmed", "details": [words] });
        self.tell(&format!("confirmationBase/{id}/feedback"), &body)
    }

    fn tell(&self, path: &str, body: &serde_json::Value) -> Result<Told, Trouble> {
        let url = format!("{}/{path}", self.base);
        let request = self.authorized(self.agent.post(&url), &url);
        let request = request.config().timeout_global(Some(ANSWER)).build();
        let response = request.send_json(body).map_err(|error| self.trouble(error))?;
        match response.status().as_u16() {
            200..=299 => Ok(Told::Taken),
            status @ (400 | 404 | 405 | 409 | 410 | 413 | 415 | 422) => Ok(Told::Closed(status)),
            status => Err(refused(status, "a feedback")),
        }
    }

    /// Tells what kind of device this is.
    pub(super) fn attributes(&self, attributes: &std::collections::BTreeMap<String, String>) -> Result<(), Trouble> {
        let url = format!("{}/configData", self.base);
        let request = self.authorized(self.agent.put(&url), &url);
        let request = request.config().timeout_global(Some(ANSWER)).build();
        let body = serde_json::json!({ "mode": "merge", "data": attributes });
        let response = request.send_json(body).map_err(|error| self.trouble(error))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(refused(status, "the device's attributes")),
        }
    }

    /// The file at `url`, without its first `have` bytes if the server can.
    pub(super) fn file(&self, url: &str, have: u64) -> Result<Part, Trouble> {
        const WHAT: &str = "a download";
        let mut request = self.authorized(self.agent.get(url), url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| self.trouble(error))?;
        let from = match response.status().as_u16() {
            200 => 0,
            206 if begins_at(&response) == Some(have) => have,
            206 => return Err(Trouble::Nonsense { what: WHAT, why: "another range than was asked for".into() }),
            416 if have > 0 => return self.file(url, 0),
            status => return Err(refused(status, WHAT)),
        };
        Ok(Part { from, bytes: Box::new(response.into_body().into_reader()) })
    }

    fn get(&self, url: &str) -> Result<Response<Body>, Trouble> {
        let request =
            self.authorized(self.agent.get(url), url).header(ACCEPT, "application/hal+json, application/json");
        let request = request.config().timeout_global(Some(ANSWER)).build();
        request.call().map_err(|error| self.trouble(error))
    }

    fn body(&self, response: Response<Body>, what: &'static str) -> Result<Vec<u8>, Trouble> {
        let read = response.into_body().into_with_config().limit(LARGEST).read_to_vec();
        read.map_err(|error| match error {
            Error::BodyExceedsLimit(_) => Trouble::Nonsense { what, why: format!("it is longer than {LARGEST} bytes") },
            error => self.trouble(error),
        })
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>, url: &str) -> ureq::RequestBuilder<B> {
        match &self.credential {
            Some(credential) if origin(url) == self.origin => request.header(AUTHORIZATION, credential.header()),
            _ => request,
        }
    }

    fn trouble(&self, error: Error) -> Trouble {
        match error {
            Error::Io(error) => match self.tls.as_ref().and_then(|tls| tls.trouble(&error)) {
                Some(trouble) if trouble.detail.is_empty() => Trouble::Tls(tls_words(trouble.cause).into()),
                Some(trouble) => Trouble::Tls(format!("{} ({})", tls_words(trouble.cause), trouble.detail)),
                None => Trouble::Away(error.to_string()),
            },
            Error::Tls(why) => Trouble::Tls(why.into()),
            Error::HostNotFound => Trouble::Away("its name is not found".into()),
            Error::Timeout(_) => Trouble::Away("it does not answer in time".into()),
            Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::TooManyRedirects => {
                Trouble::Nonsense { what: "a request", why: error.to_string() }
            }
            other => Trouble::Away(other.to_string()),
        }
    }
}

fn refused(status: u16, what: &'static str) -> Trouble {
    match status {
        401 | 403 => Trouble::Unauthorized(status),
        status => Trouble::Status { status, what },
    }
}

/// The first byte of `Content-Range: bytes FIRST-LAST/ALL`.
fn begins_at(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
