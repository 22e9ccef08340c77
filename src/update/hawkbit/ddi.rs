//! The JSON of the DDI API: the server's answers in, checked values out. Pure.
//!
//! Of the server's links only the number of the action is taken: the resources are where the configuration says that the
//! server is. Unknown members are passed over, as the API grows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// What a poll of the controller's base resource says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The server's wish for the time to the next poll.
    pub sleep: Option<Duration>,
    /// An action is to be carried out.
    pub deployment: Option<String>,
    /// An action is to be given up.
    pub cancel: Option<String>,
    /// An action waits for a consent.
    pub confirmation: Option<String>,
    /// The server wants the device's attributes.
    pub wants_attributes: bool,
}

#[derive(Deserialize)]
struct Base {
    #[serde(default)]
    config: Config,
    #[serde(default, rename = "_links")]
    links: BTreeMap<String, Link>,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    polling: Polling,
}

#[derive(Default, Deserialize)]
struct Polling {
    sleep: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Link {
    href: String,
}

/// Reads the base resource.
///
/// # Errors
/// What is wrong with it, in words.
pub fn offer(json: &[u8]) -> Result<Offer, String> {
    let base: Base = parse(json)?;
    let action = |rel: &str| base.links.get(rel).map(|link| action_in(rel, &link.href)).transpose();
    Ok(Offer {
        sleep: base.config.polling.sleep.as_deref().and_then(duration),
        deployment: action("deploymentBase")?,
        cancel: action("cancelAction")?,
        confirmation: action("confirmationBase")?,
        wants_attributes: base.links.contains_key("configData"),
    })
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("not JSON of the DDI API: {error}"))
}

/// The action in `.../REL/ACTION?c=...`.
fn action_in(rel: &str, href: &str) -> Result<String, String> {
    let path = href.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.rsplit('/');
    match (segments.next(), segments.next()) {
        (Some(id), Some(before)) if before == rel && is_action(id) => Ok(id.to_owned()),
        _ => Err(format!("the link {rel} names no action")),
    }
}

/// A number, as it becomes part of addresses and records.
fn is_action(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// `HH:MM:SS`.
fn duration(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    (hours < 100_000 && minutes < 60 && seconds < 60)
        .then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// How the server wants a part of the deployment handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Not, or not yet.
    Skip,
    /// The server asks.
    #[default]
    Attempt,
    /// The server insists. A device without a user makes no difference.
    Forced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Window {
    Available,
    Unavailable,
}

/// What an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// May be downloaded now.
    pub download: bool,
    /// May be installed now: asked for, and inside the maintenance window if there is one.
    pub install: bool,
    /// Software modules.
    pub chunks: Vec<Chunk>,
}

/// A software module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Chunk {
    /// Type of the module: `os`, `bApp` (application), or a type of the site's own.
    pub part: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its files.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
}

/// A file of a software module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name at the server.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// 64 hex digits in lower case; empty where an old server gives none.
    pub sha256: String,
    /// Over HTTPS.
    pub download: Option<String>,
    /// Over HTTP.
    pub download_http: Option<String>,
}

#[derive(Deserialize)]
struct RawBase {
    id: String,
    deployment: RawDeployment,
}

#[derive(Deserialize)]
struct RawDeployment {
    #[serde(default)]
    download: Handling,
    #[serde(default)]
    update: Handling,
    #[serde(rename = "maintenanceWindow")]
    window: Option<Window>,
    chunks: Vec<Chunk>,
}

impl<'de> Deserialize<'de> for Artifact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            filename: String,
            size: u64,
            #[serde(default)]
            hashes: BTreeMap<String, String>,
            #[serde(default, rename = "_links")]
            links: BTreeMap<String, Link>,
        }
        let mut raw = Raw::deserialize(deserializer)?;
        let mut link = |rel: &str| raw.links.remove(rel).map(|link| link.href);
        let (download, download_http) = (link("download"), link("download-http"));
        let sha256 = raw.hashes.remove("sha256").unwrap_or_default().to_ascii_lowercase();
        Ok(Self { file: raw.filename, size: raw.size, sha256, download, download_http })
    }
}

/// Reads the description of `action`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn deployment(json: &[u8], action: &str) -> Result<Deployment, String> {
    let RawBase { id, deployment } = parse(json)?;
    if id != action {
        return Err(format!("action {action} was asked for, {id} came"));
    }
    Ok(Deployment {
        download: deployment.download != Handling::Skip,
        install: deployment.update != Handling::Skip && deployment.window != Some(Window::Unavailable),
        chunks: deployment.chunks,
    })
}

/// The number of the action that a cancellation stops.
///
/// # Errors
/// What is wrong with the answer, in words.
pub fn stopped(json: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Cancel {
        cancel_action: Stop,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stop {
        stop_id: String,
    }
    let id = parse::<Cancel>(json)?.cancel_action.stop_id;
    if is_action(&id) { Ok(id) } else { Err("stopId is no number of an action".into()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn of_a_link_only_the_number_of_the_action_counts() {
        let json = br#"{"config":{"polling":{"sleep":"00:05:30"}},"_links":{
            "deploymentBase":{"href":"http://elsewhere/X/controller/v1/y/deploymentBase/17?c=-2127183556"},
            "configData":{"href":"https://h/t/controller/v1/d/configData"},"installedBase":{"href":"..."}}}"#;
        let offer = offer(json).unwrap();
        assert_eq!(offer.deployment.as_deref(), Some("17"));
        assert_eq!((offer.cancel, offer.wants_attributes), (None, true));
        assert_eq!(offer.sleep, Some(Duration::from_secs(330)));
    }

    #[test]
    fn a_link_that_leads_out_of_the_action_s_place_is_refused() {
        for href in
            ["", "17", "/deploymentBase/", "/deploymentBase/..%2f17", "/cancelAction/17", "/deploymentBase/17/x"]
        {
            let json = format!(r#"{{"_links":{{"deploymentBase":{{"href":"{href}"}}}}}}"#);
            assert_eq!(offer(json.as_bytes()), Err("the link deploymentBase names no action".into()), "{href}");
        }
    }

    #[test]
    fn a_sleep_that_is_not_understood_is_no_sleep() {
        for (text, secs) in [("00:00:30", Some(30)), ("48:00:00", Some(172_800)), ("5", None), ("0:60:0", None)] {
            assert_eq!(duration(text).map(|sleep| sleep.as_secs()), secs, "{text}");
        }
        assert_eq!(duration("-1:00:00"), None);
        assert_eq!(duration("99999999999999999999:00:00"), None);
    }

    fn described(handling: &str) -> Deployment {
        let json = format!(
            r#"{{"id":"8","deployment":{{{handling}"chunks":[{{"part":"os","name":"s","version":"1.2.3","artifacts":[
               {{"filename":"s.raucb","size":3,"hashes":{{"sha1":"x","sha256":"AB"}},
                 "_links":{{"download":{{"href":"https://h/a"}},"md5sum":{{"href":"y"}}}}}}]}}]}}}}"#
        );
        deployment(json.as_bytes(), "8").unwrap()
    }

    #[test]
    fn the_maintenance_window_holds_the_installation_back_and_not_the_download() {
        let may = |handling: &str| {
            let deployment = described(handling);
            (deployment.download, deployment.install)
        };
        assert_eq!(may(r#""download":"forced","update":"forced","#), (true, true));
        assert_eq!(may(r#""download":"attempt","update":"skip","maintenanceWindow":"unavailable","#), (true, false));
        assert_eq!(may(r#""update":"attempt","maintenanceWindow":"unavailable","#), (true, false));
        assert_eq!(may(r#""update":"attempt","maintenanceWindow":"available","#), (true, true));
        assert_eq!(may(r#""download":"skip","update":"skip","#), (false, false));
        assert_eq!(described("").chunks[0].artifacts[0].sha256, "ab");
    }

    #[test]
    fn a_description_of_another_action_is_refused() {
        let error = deployment(br#"{"id":"9","deployment":{"chunks":[]}}"#, "8").unwrap_err();
        assert_eq!(error, "action 8 was asked for, 9 came");
        assert!(deployment(b"<html>", "8").unwrap_err().starts_with("not JSON of the DDI API"));
    }

    #[test]
    fn a_cancellation_names_the_action_that_it_stops() {
        assert_eq!(stopped(br#"{"id":"11","cancelAction":{"stopId":"11"}}"#), Ok("11".into()));
        assert!(stopped(br#"{"id":"11","cancelAction":{"stopId":"../x"}}"#).is_err());
    }
}
