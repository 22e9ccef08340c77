//! udev's rules: their grammar, as udev(7) has it; and what the real udev does with them, where it may be asked.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::overlay::{all, is_root, run, said, shipped, text};

/// Keys of udev(7) that our rules use, and the operators that fit them: `=` matches have two of them.
const MATCHES: [&str; 5] = ["ACTION", "KERNEL", "SUBSYSTEM", "SUBSYSTEMS", "ENV"];
const ASSIGNMENTS: [&str; 8] = ["GROUP", "MODE", "SYMLINK", "TAG", "ENV", "RUN", "GOTO", "LABEL"];

fn rules() -> Vec<String> {
    all()
        .iter()
        .filter_map(|path| path.strip_prefix("usr/lib/udev/rules.d").ok())
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

/// Key, operator, value of every part of a rule.
fn parts(rule: &str) -> Vec<(String, String, String)> {
    let mut parts = Vec::new();
    let mut rest = rule;
    while !rest.is_empty() {
        let (head, tail) = rest.split_once('"').unwrap_or_else(|| panic!("no value: {rest}"));
        let (value, tail) = tail.split_once('"').unwrap_or_else(|| panic!("no end of the value: {rest}"));
        let operator: String = head.chars().filter(|c| "=!+:-".contains(*c)).collect();
        let key = head.strip_suffix(operator.as_str()).unwrap_or_else(|| panic!("{rest}"));
        parts.push((key.to_owned(), operator, value.to_owned()));
        rest = if tail.is_empty() { "" } else { tail.strip_prefix(", ").unwrap_or_else(|| panic!("no comma: {tail}")) };
    }
    parts
}

#[test]
fn every_rule_follows_udevs_grammar() {
    for name in rules() {
        let content = text(&format!("usr/lib/udev/rules.d/{name}"));
        let (mut labels, mut jumps) = (BTreeSet::new(), BTreeSet::new());
        for rule in content.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            for (key, operator, value) in parts(rule) {
                let base = key.split('{').next().unwrap();
                let known = match operator.as_str() {
                    "==" | "!=" => MATCHES.contains(&base),
                    "=" | "+=" => ASSIGNMENTS.contains(&base),
                    _ => false,
                };
                assert!(known, "{name}: {key}{operator}: {rule}");
                match base {
                    "LABEL" => assert!(labels.insert(value), "{name}: {rule}"),
                    "GOTO" => drop(jumps.insert(value)),
                    "MODE" => {
                        assert!(u32::from_str_radix(&value, 8).is_ok_and(|mode| mode & 0o7 == 0), "{name}: {rule}")
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(labels, jumps, "{name}");
    }
}

/// `udevadm verify` is from systemd 254 on.
#[test]
fn every_rule_is_one_that_udev_understands() {
    let files = rules().into_iter().map(|name| shipped("usr/lib/udev/rules.d").join(name));
    let Some(output) = run(Command::new("udevadm").arg("verify").args(files)) else { return };
    if said(&output).contains("Unknown command") {
        println!("skipped: this udevadm has no verify");
        return;
    }
    assert!(output.status.success(), "{}", said(&output));
}

/// Real udev, with our rules as the only ones, asked about a device of this machine.
#[test]
fn udev_reads_the_rules_without_a_word_and_acts_on_them() {
    if !is_root("udev with rules of our own") {
        return;
    }
    let Some(device) =
        ["/sys/class/graphics/fb0", "/sys/block/loop0"].into_iter().find(|path| fs::exists(path).unwrap())
    else {
        println!("skipped: neither a frame buffer nor a loop device on this machine");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for name in rules() {
        // a group must exist here to be looked up
        let rules = text(&format!("usr/lib/udev/rules.d/{name}"));
        let rules = ["spi", "i2c", "gpio", "render", "video", "input"]
            .iter()
            .fold(rules, |rules, group| rules.replace(&format!("GROUP=\"{group}\""), "GROUP=\"root\""));
        // stands in for a stick, which this machine has not
        let rules =
            rules.replace("SUBSYSTEMS==\"usb\", GOTO=\"spinewatch_stick_usb\"", "GOTO=\"spinewatch_stick_usb\"");
        fs::write(folder.path().join(name), rules).unwrap();
    }
    let ask = || {
        let script = "for at in /usr/lib/udev/rules.d /lib/udev/rules.d /etc/udev/rules.d; do \
                      [ ! -d $at ] || mount --bind \"$1\" $at; done; udevadm test --action=add \"$2\" 2>&1";
        run(Command::new("unshare").args(["--mount", "sh", "-c", script, "sh"]).arg(folder.path()).arg(device))
    };
    let Some(output) = ask() else { return };
    let words = said(&output);
    if !words.contains("70-spinewatch-storage.rules") {
        println!("skipped: udevadm test does not run here: {words}");
        return;
    }
    let complaints = |words: &str| -> Vec<String> {
        let about_rules = |line: &&str| line.contains("spinewatch") && line.contains(".rules:");
        words.lines().filter(about_rules).map(str::to_owned).collect()
    };
    assert_eq!(complaints(&words), Vec::<String>::new());
    let path = folder.path().join("80-spinewatch-stick.rules");
    fs::write(&path, text("usr/lib/udev/rules.d/80-spinewatch-stick.rules").replace("TAG+=", "TAGG+=")).unwrap();
    assert!(!complaints(&said(&ask().unwrap())).is_empty(), "a typing error passes");
}

/// The same rule must not be met by a stick that calls its partition "data".
#[test]
fn a_sticks_partitions_are_never_taken_for_the_devices_own() {
    let storage = text("usr/lib/udev/rules.d/70-spinewatch-storage.rules");
    let first_link = storage.find("SYMLINK+=").unwrap();
    let leaves = storage.find("SUBSYSTEMS==\"usb\", GOTO=\"spinewatch_storage_end\"").unwrap();
    assert!(leaves < first_link);
    let stick = text("usr/lib/udev/rules.d/80-spinewatch-stick.rules");
    let only = "SUBSYSTEMS==\"usb\", GOTO=\"spinewatch_stick_usb\"\nGOTO=\"spinewatch_stick_end\"\n";
    assert!(stick.find(only).unwrap() < stick.find("SYSTEMD_WANTS").unwrap(), "nothing but a stick starts an update");
    // a stick's disk is a block device below USB: "not USB" holds for it all the same
    assert!(!stick.lines().any(|line| line.starts_with("SUBSYSTEMS!=")), "no stick starts an update");
    assert!(stick.contains("spinewatch-update@%k.service"));
}
