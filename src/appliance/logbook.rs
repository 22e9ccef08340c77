//! What happens to the device as a whole, onto the audit trail: starts and ends, what a start differs in from the one
//! before, and whether its clock can be believed.
//!
//! Never writes a value of the configuration: a section is known by its keyed digest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::Settings;
use crate::publish::ModelTag;
use crate::store::{AuditEntry, DEVICE, Keys, Store, StoreError};

/// Records a start: the version, and which sections of the configuration and which models are not those of the last.
///
/// # Errors
/// When the database cannot be written.
pub fn started(
    store: &Store,
    keys: &Keys,
    settings: &Settings,
    models: &[ModelTag],
    at: Timestamp,
) -> anyhow::Result<()> {
    note(store, "start", Some(env!("CARGO_PKG_VERSION").to_owned()), at)?;
    let sections = sections(settings, keys)?;
    store.audit_change("configuration", &serde_json::to_string(&sections)?, "configuration_changed", at, |before| {
        configuration(before, &sections)
    })?;
    let models = named(models);
    store.audit_change("models", &models, "models_changed", at, |_| models.clone())?;
    Ok(())
}

/// Records an end, with what ended the device where nobody asked for it.
///
/// # Errors
/// When the database cannot be written.
pub fn stopped(store: &Store, outcome: &anyhow::Result<()>, at: Timestamp) -> Result<(), StoreError> {
    note(store, "stop", outcome.as_ref().err().map(|error| format!("{error:#}")), at)
}

/// Records that times of day are to be believed from here on, or not any more.
///
/// # Errors
/// When the database cannot be written.
pub fn clock(store: &Store, trusted: bool, at: Timestamp) -> Result<(), StoreError> {
    note(store, if trusted { "clock_trusted" } else { "clock_untrusted" }, None, at)
}

fn note(store: &Store, action: &str, detail: Option<String>, at: Timestamp) -> Result<(), StoreError> {
    store.audit(&AuditEntry { at, actor: DEVICE.into(), action: action.into(), subject: None, detail })
}

type Sections = BTreeMap<String, String>;

/// Each section of the effective configuration by name, with the keyed digest of all its values.
fn sections(settings: &Settings, keys: &Keys) -> anyhow::Result<Sections> {
    let table = toml::Table::try_from(settings)?;
    Ok(table.into_iter().map(|(name, values)| (name, keys.configuration(&values.to_string()))).collect())
}

fn configuration(before: Option<&str>, now: &Sections) -> String {
    let Some(before) = before.and_then(|text| serde_json::from_str::<Sections>(text).ok()) else {
        return "first start with this database".into();
    };
    let mut changed: Vec<&str> = now.keys().chain(before.keys()).map(String::as_str).collect();
    changed.retain(|name| now.get(*name) != before.get(*name));
    changed.sort_unstable();
    changed.dedup();
    format!("changed: {}", changed.join(", "))
}

fn named(models: &[ModelTag]) -> String {
    let named = models.iter().map(|model| format!("{} {} sha256:{}", model.name, model.version, model.digest));
    if models.is_empty() { "none".into() } else { named.collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_start_names_the_sections_and_models_that_are_new_and_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let (store, _) = Store::open(&folder.path().join("s.db"), at).unwrap();
        let keys = Keys::from_secret([3; 32]);
        let model = |version: &str| ModelTag {
            name: "detector".into(),
            version: version.into(),
            digest: "ab".repeat(32),
            phantom_trained: true,
        };
        let mut settings = Settings::default();
        started(&store, &keys, &settings, &[model("1")], at).unwrap();
        started(&store, &keys, &settings, &[model("1")], at).unwrap();
        settings.mqtt.username = Some("hidden-name".into());
        settings.mqtt.url = "mqtt://hidden-host".into();
        settings.study.series_quiet_secs = 9;
        started(&store, &keys, &settings, &[model("2")], at).unwrap();
        stopped(&store, &Err(anyhow::anyhow!("no screen").context("stage display has ended")), at).unwrap();
        let trail = store.audit_trail(20).unwrap();
        let told: Vec<_> =
            trail.iter().rev().map(|e| format!("{} {}", e.action, e.detail.as_deref().unwrap_or("-"))).collect();
        let digest = "ab".repeat(32);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            told,
            [
                format!("start {version}"),
                "configuration_changed first start with this database".into(),
                format!("models_changed detector 1 sha256:{digest}"),
                format!("start {version}"),
                format!("start {version}"),
                "configuration_changed changed: mqtt, study".into(),
                format!("models_changed detector 2 sha256:{digest}"),
                "stop stage display has ended: no screen".into(),
            ]
        );
        drop(store);
        let bytes = std::fs::read(folder.path().join("s.db")).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"hidden"), "a value of the configuration was written");
    }
}
