//! What is said of certificates before they end: at start, in health, and by `spinewatch check`.

use std::path::Path;
use std::process::Command;

use jiff::{Timestamp, ToSpan};
use spinewatch::config::{DeviceSettings, MqttSettings};
use spinewatch::publish::Settings;
use spinewatch::publish::tls::Role;

use crate::authority::{Authority, VALID};

#[test]
fn the_first_of_certificate_and_authority_to_end_is_told_thirty_days_before() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::lasting(folder.path(), "ca", (-100, 90));
    ours.client("device", "north/ct-2", (-10, 40));
    let tls = ours.tls(Some("device"));
    let told = |days: i64| {
        let now = Timestamp::now() + (24 * days).hours();
        tls.expiries(now).iter().map(|expiry| (expiry.role, expiry.days)).collect::<Vec<_>>()
    };
    assert_eq!(told(0), []);
    assert_eq!(told(8), []);
    assert_eq!(told(10), [(Role::Client, 29)]);
    assert_eq!(told(40), [(Role::Client, -1)]);
    assert_eq!(told(61), [(Role::Client, -22), (Role::Authority, 28)]);
}

fn refused(change: impl FnOnce(&mut MqttSettings)) -> String {
    let mut mqtt = MqttSettings { url: "mqtts://localhost".into(), ..MqttSettings::default() };
    change(&mut mqtt);
    Settings::from_config(&mqtt, &DeviceSettings::default()).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn at_start_each_wrong_file_is_an_error_that_names_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ca");
    ours.client("device", "north/ct-2", VALID);
    ours.client("another", "north/ct-3", VALID);
    let file = |name: &str| Some(folder.path().join(name));
    std::fs::write(folder.path().join("text"), "not a certificate").unwrap();
    let with = |ca: &str, certificate: &str, key: &str, crl: Option<&str>| {
        refused(|mqtt| {
            (mqtt.ca_file, mqtt.certificate_file, mqtt.key_file) = (file(ca), file(certificate), file(key));
            mqtt.crl_file = crl.and_then(file);
        })
    };
    assert_eq!(with("ca.pem", "device.pem", "device.key", Some("ca.crl")), "");
    for (error, parts) in [
        (with("gone.pem", "device.pem", "device.key", None), ["mqtt.ca_file", "cannot read", "gone.pem"]),
        (with("text", "device.pem", "device.key", None), ["mqtt.ca_file", "no certificate in PEM", "text"]),
        (with("ca.pem", "device.key", "device.key", None), ["mqtt.certificate_file", "no certificate", "device.key"]),
        (with("ca.pem", "device.pem", "device.pem", None), ["mqtt.key_file", "no private key", "device.pem"]),
        (with("ca.pem", "device.pem", "another.key", None), ["mqtt.key_file", "not the key of", "device.pem"]),
        (with("ca.pem", "device.pem", "device.key", Some("text")), ["mqtt.crl_file", "no revocation list", "text"]),
    ] {
        assert!(parts.iter().all(|part| error.contains(part)), "{error:?} lacks one of {parts:?}");
    }
}

#[cfg(not(feature = "pkcs11"))]
#[test]
fn a_token_is_refused_by_a_build_that_cannot_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ca");
    let error = refused(|mqtt| {
        mqtt.ca_file = Some(ours.pem());
        mqtt.pkcs11_module = Some("/usr/lib/softhsm/libsofthsm2.so".into());
    });
    assert_eq!(
        error,
        "mqtt.pkcs11_module: this build has no PKCS#11; build it with `--features pkcs11`, or use mqtt.key_file"
    );
}

fn check(folder: &Path, lines: &str) -> String {
    let configuration = folder.join("spinewatch.toml");
    std::fs::write(&configuration, lines.replace("{dir}", folder.to_str().unwrap())).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_spinewatch")).arg("check").arg("--config").arg(configuration).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn check_says_who_a_certificate_is_for_until_when_and_that_its_key_fits() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ca");
    let serial = ours.client("device", "north/ct-2", VALID);
    let text = check(
        folder.path(),
        "[share]\npath = \"{dir}\"\n[state]\ndir = \"{dir}\"\n[mqtt]\nurl = \"mqtts://127.0.0.1:1\"\nca_file = \"{dir}/ca.pem\"\n\
         certificate_file = \"{dir}/device.pem\"\nkey_file = \"{dir}/device.key\"\n",
    );
    let line = text.lines().find(|line| line.contains("this device's certificate")).unwrap_or(&text);
    for part in ["north/ct-2", &format!("serial {serial:x}"), "matches its key", "valid from", " to "] {
        assert!(line.contains(part), "{part} is missing from: {line}");
    }
    assert!(text.contains("the broker's authority: ca"), "{text}");
}
