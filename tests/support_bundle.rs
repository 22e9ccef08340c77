//! `spinewatch support-bundle`: what it holds, that it is bounded, that a half-dead device gives one, and that no identity is
//! in it: canaries stand wherever a name may, and every member is searched for every piece of every canary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with tests/privacy")]
#[path = "privacy/canaries.rs"]
mod canaries;
#[path = "privacy/search.rs"]
mod search;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use canaries::{Canaries, Kind, every_element};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use jiff::Timestamp;
use search::Search;
use serde_json::Value;
use spinewatch::store::{AuditEntry, Store};
use tempfile::TempDir;

/// A device: a folder with its configuration, its state, its share, its root and its programs.
struct Device {
    dir: TempDir,
}

type Members = BTreeMap<String, String>;

impl Device {
    fn new() -> Self {
        let device = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["state", "share", "bin", "root"] {
            fs::create_dir_all(device.path(folder)).unwrap();
        }
        device
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A program that writes what stands in a file of its own.
    fn answers(&self, program: &str, text: &str) {
        self.file(&format!("answers/{program}"), text);
        self.program(program, &format!("cat '{}'", self.path(&format!("answers/{program}")).display()));
    }

    fn program(&self, name: &str, script: &str) {
        self.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "{more}\n[share]\npath = '{0}/share'\n[state]\ndir = '{0}/state'\n[models]\ndir = '{0}'\ntrusted_keys = '{0}'\n",
            self.dir.path().display()
        );
        self.file("spinewatch.toml", text);
    }

    fn run(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_spinewatch"))
            .arg("support-bundle")
            .args(["--config".as_ref(), self.path("spinewatch.toml").as_os_str()])
            .args(["--root".as_ref(), self.path("root").as_os_str()])
            .args(["--out".as_ref(), self.path("bundle.tar.gz").as_os_str()])
            .env("PATH", format!("{}:/bin:/usr/bin", self.path("bin").display()))
            .output()
            .unwrap()
    }

    /// Members by name, unpacked; what was printed is one of them.
    fn bundle(&self) -> Members {
        let output = self.run();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut members = Members::new();
        let unzipped = flate2::read::GzDecoder::new(File::open(self.path("bundle.tar.gz")).unwrap());
        for member in tar::Archive::new(unzipped).entries().unwrap() {
            let mut member = member.unwrap();
            let name = member.path().unwrap().to_string_lossy().into_owned();
            let mut text = String::new();
            member.read_to_string(&mut text).unwrap();
            members.insert(name.strip_prefix("spinewatch-support/").unwrap().to_owned(), text);
        }
        members.insert("printed".into(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
        members
    }
}

const MEMBERS: [&str; 19] = [
    "audit.json",
    "boot.txt",
    "check.json",
    "configuration.toml",
    "disks.txt",
    "journal-update.txt",
    "journal.txt",
    "kernel.txt",
    "manifest.json",
    "memory.txt",
    "metrics.txt",
    "mounts.txt",
    "network.txt",
    "slots.txt",
    "standing.json",
    "store.json",
    "units.txt",
    "update.json",
    "versions.json",
];

#[test]
fn a_half_dead_device_gives_a_bundle_with_notes_in_the_place_of_what_is_missing() {
    let device = Device::new();
    device.file("spinewatch.toml", "[study]\nseries_quiet_sec = 5\n");
    for program in ["journalctl", "dmesg", "systemctl", "rauc", "fw_printenv"] {
        device.program(program, "echo 'input/output error' >&2; exit 5");
    }
    let members = device.bundle();
    let names: Vec<&str> = members.keys().map(String::as_str).filter(|name| *name != "printed").collect();
    assert_eq!(names, MEMBERS);
    let manifest: Value = serde_json::from_str(&members["manifest.json"]).unwrap();
    for name in ["journal.txt", "kernel.txt", "slots.txt", "store.json", "configuration.toml", "mounts.txt"] {
        let why = manifest["members"][name]["missing"].as_str().unwrap_or_else(|| panic!("{name}: {manifest:#}"));
        assert_eq!(members[name], format!("not available: {why}\n"));
        assert!(members["printed"].contains(&format!("missing  {name}: {why}")), "{}", members["printed"]);
    }
    assert!(members["journal.txt"].contains("input/output error"), "{}", members["journal.txt"]);
    assert!(members["configuration.toml"].contains("series_quiet_sec"), "{}", members["configuration.toml"]);
    let check: Value = serde_json::from_str(&members["check.json"]).unwrap();
    assert_eq!(check["well"], false);
    assert!(members["versions.json"].contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_chatty_device_gives_a_bundle_that_still_fits() {
    let device = Device::new();
    device.configure("");
    device.program("journalctl", "head -c 3000000 /dev/urandom | base64; echo the newest line");
    let members = device.bundle();
    let size = fs::metadata(device.path("bundle.tar.gz")).unwrap().len();
    assert!((2 << 20..8 << 20).contains(&size), "{size} bytes");
    assert!(members["journal.txt"].ends_with("the newest line\n"));
    let manifest: Value = serde_json::from_str(&members["manifest.json"]).unwrap();
    assert_eq!(manifest["members"]["journal.txt"]["cut"], true, "{manifest:#}");
    assert_eq!(fs::metadata(device.path("bundle.tar.gz")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_manifest_tells_every_member_with_its_size_and_hash() {
    use sha2::{Digest, Sha256};
    let device = Device::new();
    device.configure("");
    let members = device.bundle();
    let manifest: Value = serde_json::from_str(&members["manifest.json"]).unwrap();
    let told = manifest["members"].as_object().unwrap();
    assert_eq!(told.len(), MEMBERS.len() - 1, "all but itself");
    for (name, entry) in told {
        let hash: String = Sha256::digest(&members[name]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (entry["bytes"].as_u64().unwrap(), entry["sha256"].as_str().unwrap()),
            (members[name].len() as u64, &*hash)
        );
    }
}

/// A share with canaries in the names of folders and files and in every text element of a file.
fn fill_share(device: &Device, canaries: &mut Canaries) -> String {
    let folder = format!("{} {}", canaries.text("folder of the patient"), canaries.text("folder, second word"));
    let file = format!("share/{folder}/{}.dcm", canaries.text("name of a file"));
    let uid = canaries.uid("SOPInstanceUID", Kind::Identifier);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.2")
        .media_storage_sop_instance_uid(uid);
    let object = InMemDicomObject::from_element_iter(every_element(canaries));
    let mut bytes = Vec::new();
    object.with_exact_meta(meta.build().unwrap()).write_all(&mut bytes).unwrap();
    device.file(&file, bytes);
    device.path(&file).display().to_string()
}

/// A store whose rows name everybody: clear identifiers, and people who have acknowledged.
fn fill_store(device: &Device, canaries: &mut Canaries) {
    let path = device.path("state/spinewatch.db");
    let (store, _) = Store::open(&path, Timestamp::UNIX_EPOCH).unwrap();
    let entry = |actor: String, action: &str, detail: String| AuditEntry {
        at: Timestamp::UNIX_EPOCH,
        actor,
        action: action.into(),
        subject: None,
        detail: Some(detail),
    };
    store.audit(&entry("device".into(), "start", "0.1.0".into())).unwrap();
    store
        .audit(&entry(canaries.text("who acknowledged"), "acknowledge", canaries.text("words of who acknowledged")))
        .unwrap();
    drop(store);
    let database = rusqlite::Connection::open(path).unwrap();
    let uids = [0, 1].map(|_| canaries.uid("UID in the database", Kind::Identifier));
    let words = canaries.text("words of a rejection");
    let sql = "INSERT INTO series VALUES ('s', 'k', 'open', 0, 0, NULL, ?, ?)";
    database.execute(sql, [&uids[0], &uids[1]]).unwrap();
    let sql = "INSERT INTO files VALUES ('f', x'00', 'quarantined', 'truncated', ?, NULL, 0)";
    database.execute(sql, [&words]).unwrap();
}

/// What kernel, mount, systemd and other programs write about a console, as they would.
fn fill_system(device: &Device, canaries: &mut Canaries, file: &str) {
    let mut text = |place: &str| canaries.text(place);
    let share = device.path("share").display().to_string();
    let (export, server) = (text("name of an export"), text("name of a server"));
    let journal = format!(
        "2026-11-21T14:00:01+0100 spinewatch[9]: cannot read {file}: permission denied\n\
         2026-11-21T14:00:02+0100 systemd[1]: Mounting //{server}/{export} on {share}\n\
         2026-11-21T14:00:03+0100 mount[77]: mount.cifs: bad option {}, mount error(13)\n\
         2026-11-21T14:00:04+0100 mount[77]: options username={},password={},domain={},vers=3.0\n\
         2026-11-21T14:00:05+0100 rauc[5]: installing of an ordinary bundle has ended\n",
        text("words of mount"),
        text("user of the share"),
        text("password of the share"),
        text("domain of the share"),
    );
    let series = canaries.uid("UID in the journal", Kind::Identifier);
    let mut text = |place: &str| canaries.text(place);
    let kernel = format!(
        "2026-11-21T14:00:06+0100 kernel: CIFS: VFS: \\\\{}\\{} Send error in SessSetup = -13\n\
         2026-11-21T14:00:07+0100 kernel: NFS: directory {}/x contains a readdir loop. The file: {}\n\
         2026-11-21T14:00:08+0100 kernel: series {series} stands here by mistake\n\
         2026-11-21T14:00:09+0100 kernel: mmc0: an ordinary warning\n",
        text("server in the kernel's words"),
        text("export in the kernel's words"),
        text("folder in the kernel's words"),
        text("file in the kernel's words"),
    );
    device.answers("journalctl", &(journal + &kernel));
    device.answers("systemctl", &format!("Id=srv-ct.mount\nStatusText=//{server}/{export}\n"));
    device.answers("rauc", "rauc 1.15.2\n");
    device.answers("fw_printenv", &format!("BOOT_ORDER=A B\nnetwork_secret={}\n", text("secret of the boot loader")));
    let mounts = format!(
        "22 1 254:2 / / ro - ext4 /dev/vda2 ro\n\
         40 22 0:52 / {share} ro - cifs //{server}/{export} ro,soft,username={},domain={},addr=10.0.0.7\n",
        text("user in the mount table"),
        text("domain in the mount table")
    );
    device.file("root/proc/self/mountinfo", mounts);
    device.file("root/proc/cmdline", "root=/dev/vda2 rauc.slot=A");
    device.file("root/run/spinewatch/standing.json", "{\"ready\": true}");
    let history = "{\"number\":1,\"at\":\"2026-11-18T04:12:00Z\",\"outcome\":\"refused\",\"version\":\"0.2.0\",\"source\":\"stick\"";
    device.file("state/update/history.jsonl", format!("{history},\"why\":\"not from //{server}/{export}\"}}\n"));
}

#[test]
fn no_canary_is_in_a_bundle_and_the_search_would_find_one() {
    let device = Device::new();
    let mut canaries = Canaries::default();
    let file = fill_share(&device, &mut canaries);
    fill_store(&device, &mut canaries);
    fill_system(&device, &mut canaries, &file);
    let (user, password) = (canaries.text("user of the broker"), canaries.text("password of the broker"));
    device.file("password", format!("{password}\n"));
    let planted = canaries.all.len();
    // what may be there, and is: it proves that every member is looked into
    let name = canaries.text("name of the device");
    let password_file = device.path("password").display().to_string();
    device.configure(&format!(
        "[device]\nname = '{name}'\n[mqtt]\nusername = '{user}'\npassword_file = '{password_file}'\nurl = 'mqtt://127.0.0.1:9'"
    ));

    let members = device.bundle();
    let search = Search::new(&canaries.all);
    let mut found = Vec::new();
    for (member, text) in &members {
        for it in search.find(text.as_bytes()) {
            found.push((member.as_str(), canaries.all[it.canary].place.as_str(), it.context));
        }
    }
    let (told, leaked): (Vec<_>, Vec<_>) = found.iter().partition(|(_, place, _)| *place == "name of the device");
    assert!(leaked.is_empty(), "{leaked:#?}");
    assert_eq!(told.iter().map(|(member, ..)| *member).collect::<Vec<_>>(), ["configuration.toml"]);
    for (member, kept) in [
        ("journal.txt", "an ordinary bundle"),
        ("kernel.txt", "an ordinary warning"),
        ("kernel.txt", "CIFS: <cut> -13"),
        ("kernel.txt", "series <uid> stands"),
        ("mounts.txt", "cifs <cut> ro,soft"),
        ("boot.txt", "BOOT_ORDER=A B"),
        ("store.json", "\"quarantined truncated\": 1"),
        ("audit.json", "\"holds\": true"),
        ("update.json", "refused"),
        ("versions.json", "rauc 1.15.2"),
    ] {
        assert!(members[member].contains(kept), "{kept} is missing from {member}:\n{}", members[member]);
    }

    // every canary was where the bundle looks, in a form that the search knows
    let mut sources = file.clone().into_bytes();
    for place in ["share", "state", "answers", "root", "password", "spinewatch.toml"] {
        read_all(&device.path(place), &mut sources);
    }
    let there: Vec<usize> = search.find(&sources).into_iter().map(|it| it.canary).collect();
    // a date is found only where no letter or digit of the next element follows it
    let missing = canaries.all.iter().enumerate().filter(|(n, it)| it.kind != Kind::Number && !there.contains(n));
    assert_eq!(missing.map(|(_, it)| it.place.as_str()).collect::<Vec<_>>(), [""; 0], "of {planted} and one");
    assert!(there.len() * 10 > canaries.all.len() * 9, "{} of {}", there.len(), canaries.all.len());
}

fn read_all(path: &std::path::Path, bytes: &mut Vec<u8>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| read_all(&entry.path(), bytes));
    } else {
        bytes.extend(fs::read(path).unwrap());
    }
}
