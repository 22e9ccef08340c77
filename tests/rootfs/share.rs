//! mount(8)'s helper for the scanner's share, with programs in the path that say what they were asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use super::overlay::{said, shipped, text};

/// FACTS of consoles in the field; see board/rootfs.md.
const CIFS: &str = "ro,nosuid,nodev,noexec,noserverino,soft,echo_interval=5,actimeo=1,vers=3.0";
const NFS: &str = "ro,nosuid,nodev,noexec,soft,timeo=50,retrans=3,retry=0,nolock,actimeo=1";

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.program("mount.cifs", "echo mount.cifs \"$@\"; cat \"${4##*credentials=}\" 2>/dev/null; :");
        bench.program("mount", "echo mount \"$@\"");
        bench.program("systemd-creds", "[ \"$*\" = \"decrypt --name=share $SEALED -\" ] && echo username=ct");
        bench
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.0.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn mount(&self, settings: &[(&str, &str)]) -> Output {
        let sealed = self.0.path().join("share.cred");
        Command::new(shipped("usr/sbin/mount.spinewatch-share"))
            .args(["scanner", "/srv/ct", "-o", "ro"])
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()))
            .env("SHARE_RUN", self.0.path())
            .env("SHARE_CREDENTIALS", &sealed)
            .env("SEALED", &sealed)
            .env("SHARE_PAUSE_SECS", "0")
            .envs(settings.iter().copied())
            .output()
            .unwrap()
    }

    fn seal(&self) {
        fs::write(self.0.path().join("share.cred"), "sealed").unwrap();
    }

    fn left_behind(&self) -> usize {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("spinewatch-share.")).count()
    }
}

#[test]
fn a_share_is_mounted_with_the_options_that_work_in_the_field() {
    let bench = Bench::new();
    let output = bench.mount(&[("SHARE_TYPE", "cifs"), ("SHARE_SOURCE", "//console/ct")]);
    assert_eq!(said(&output), format!("mount.cifs //console/ct /srv/ct -o {CIFS},guest\n"));
    let output = bench.mount(&[("SHARE_TYPE", "nfs"), ("SHARE_SOURCE", "console:/ct"), ("SHARE_OPTIONS", "port=2050")]);
    assert_eq!(said(&output), format!("mount -t nfs console:/ct /srv/ct -o {NFS},port=2050\n"));
    let old = [("SHARE_TYPE", "cifs"), ("SHARE_SOURCE", "//console/ct"), ("SHARE_VERSION", "2.1")];
    assert!(said(&bench.mount(&old)).contains(",vers=2.1,"));
}

#[test]
fn the_password_is_in_the_clear_only_while_it_is_used() {
    let bench = Bench::new();
    bench.seal();
    let settings = [("SHARE_TYPE", "cifs"), ("SHARE_SOURCE", "//console/ct")];
    let words = said(&bench.mount(&settings));
    assert!(words.contains("credentials=") && words.ends_with("\nusername=ct\n"), "{words}");
    assert_eq!(bench.left_behind(), 0);
    bench.program("mount.cifs", "stat -c %a \"${4##*credentials=}\"; exit 32");
    let output = bench.mount(&settings);
    assert_eq!((said(&output).as_str(), output.status.code()), ("600\n", Some(32)));
    assert_eq!(bench.left_behind(), 0, "nor after a mount that failed");
}

#[test]
fn a_password_sealed_for_another_device_is_said_so_and_the_share_is_not_asked_as_a_guest() {
    let bench = Bench::new();
    bench.seal();
    bench.program("systemd-creds", "exit 1");
    let output = bench.mount(&[("SHARE_TYPE", "cifs"), ("SHARE_SOURCE", "//console/ct")]);
    assert!(!output.status.success() && said(&output).contains("sealed for another device"), "{}", said(&output));
    assert!(!said(&output).contains("mount.cifs") && bench.left_behind() == 0);
}

#[test]
fn wrong_settings_name_the_key_and_what_is_allowed() {
    let bench = Bench::new();
    for (settings, words) in [
        (&[][..], "SHARE_SOURCE is not set in /etc/spinewatch/share.conf"),
        (&[("SHARE_SOURCE", "//console/ct")], "SHARE_TYPE is \"\": allowed are cifs and nfs"),
        (&[("SHARE_SOURCE", "//a,b"), ("SHARE_TYPE", "cifs")], "SHARE_SOURCE must not have a comma"),
    ] {
        let output = bench.mount(settings);
        assert!(!output.status.success() && said(&output).contains(words), "{}", said(&output));
    }
}

/// With a limit on starts, the automount unit fails for good after five failures, and nobody notices.
#[test]
fn a_share_that_was_away_for_a_night_is_tried_again() {
    let unit = text("usr/lib/systemd/system/srv-ct.mount");
    for line in
        ["StartLimitIntervalSec=0", "TimeoutSec=30", "LazyUnmount=yes", "EnvironmentFile=/etc/spinewatch/share.conf"]
    {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    assert!(!unit.contains("After=network-online.target"), "nothing waits for a cable");
}

#[test]
fn the_daemon_looks_where_the_share_is_mounted() {
    let settings = spinewatch::config::Settings::read(&shipped("etc/spinewatch/spinewatch.toml")).unwrap();
    assert_eq!(settings.share.path.to_str(), Some("/srv/ct"));
    assert!(text("usr/lib/systemd/system/srv-ct.automount").contains("\nWhere=/srv/ct\n"));
}
