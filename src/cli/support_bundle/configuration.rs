//! The effective configuration in, the same without secrets out; and the secrets, so that they are found elsewhere.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::{Table, Value};

use super::sources::Subject;
use crate::config::Settings;

/// A key with one of these in its name holds a secret or a name, unless it names a file or a folder.
const SECRET: [&str; 7] = ["user", "password", "secret", "token", "key", "pin", "credential"];
const PLACES: [&str; 4] = ["_file", "_dir", "_url", "trusted_keys"];
/// What stands in a file of its own, in the first line.
const SECRET_FILES: [&str; 3] = ["password", "pin", "token"];
/// Longest secret that is looked for elsewhere, bytes.
const LONGEST: u64 = 4096;

/// Every key with its value in force, but for secrets. A refused configuration gives the refusal.
///
/// # Errors
/// Why it was refused.
pub fn effective(subject: &Subject) -> Result<String, String> {
    if let Some(refused) = &subject.refused {
        // the parser quotes the line that it does not like: a key is enough, a value is not for here
        let line =
            refused.lines().filter(|line| !line.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '|'));
        return Err(line.collect::<Vec<_>>().join("; "));
    }
    let mut table = Table::try_from(&subject.settings).map_err(|error| error.to_string())?;
    for section in table.iter_mut().filter_map(|(_, section)| section.as_table_mut()) {
        without_secrets(section);
    }
    let text = toml::to_string_pretty(&table).map_err(|error| error.to_string())?;
    Ok(subject.scrub.text(&text))
}

fn without_secrets(section: &mut Table) {
    for (key, value) in section.iter_mut() {
        let is_place = PLACES.iter().any(|place| key.ends_with(place));
        let is_secret = !is_place && SECRET.iter().any(|word| key.contains(word));
        match value {
            Value::Table(inner) => without_secrets(inner),
            // a switch is no secret: key_image
            Value::Boolean(_) => {}
            _ if is_secret => *value = Value::String("<removed>".into()),
            _ => {}
        }
    }
}

/// User names, and the first lines of the files that hold a password, a PIN or a token, as far as they can be read.
pub fn secrets(settings: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    let sections = Table::try_from(settings).unwrap_or_default();
    for (key, value) in sections.iter().filter_map(|(_, section)| section.as_table()).flatten() {
        let Some(value) = value.as_str() else { continue };
        match key.strip_suffix("_file") {
            Some(of) if SECRET_FILES.iter().any(|word| of.contains(word)) => found.extend(first_line(Path::new(value))),
            None if key.contains("user") => found.push(value.to_owned()),
            _ => {}
        }
    }
    found
}

fn first_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::health::board::Board;
    use jiff::Timestamp;

    #[test]
    fn a_configuration_keeps_its_places_and_switches_and_loses_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "open-sesame\n").unwrap();
        let mut settings = Settings::default();
        settings.mqtt.username = Some("ct-tech".into());
        settings.mqtt.password_file = Some(password);
        settings.mqtt.pkcs11_key = Some("label-of-key".into());
        settings.mqtt.url = "mqtt://me:open-sesame@broker:1883".into();
        let subject = Subject::new(settings, None, Board::default(), Timestamp::UNIX_EPOCH);
        let text = effective(&subject).unwrap();
        for gone in ["ct-tech", "open-sesame", "label-of-key"] {
            assert!(!text.contains(gone), "{gone} is in: {text}");
        }
        for kept in
            ["key_image = true", "trusted_keys = \"/usr/share", "scan_millis = 250", "password_file = ", "broker:1883"]
        {
            assert!(text.contains(kept), "{kept} is missing from: {text}");
        }
    }

    #[test]
    fn a_refused_configuration_is_told_without_the_line_that_was_quoted() {
        let refused = "/etc/x.toml: TOML parse error at line 2, column 1\n  |\n2 | usrname = 'ct-tech'\n  | ^^^^^^^\nunknown field `usrname`";
        let subject = Subject::new(Settings::default(), Some(refused.into()), Board::default(), Timestamp::UNIX_EPOCH);
        let why = effective(&subject).unwrap_err();
        assert!(why.contains("line 2") && why.contains("unknown field") && !why.contains("ct-tech"), "{why}");
    }
}
