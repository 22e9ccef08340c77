//! `spinewatch check --device` on made-up machines: every part is told in a line, with what to do where it is ill.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A machine: files below a root, and programs that answer as they would there.
struct Machine {
    dir: TempDir,
}

impl Machine {
    /// A board on which everything is as it should be.
    fn sound() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        let state = machine.path("state").display().to_string();
        let mounts = format!(
            "22 1 254:2 / / ro,relatime - ext4 /dev/vda2 ro\n30 22 254:4 / {0} rw - ext4 /dev/vda4 rw\n\
             31 22 254:4 /log /var/log/journal rw - ext4 /dev/vda4 rw\n\
             40 22 0:52 / {1} ro - cifs //console/ct ro,soft,vers=3.1.1\n",
            "/",
            machine.path("share").display()
        )
        .replace("254:4 / / rw", &format!("254:4 / {state} rw"));
        for (file, text) in [
            ("proc/cmdline", "root=/dev/vda2 rauc.slot=A"),
            ("proc/self/mountinfo", &mounts),
            ("proc/loadavg", "0.2 0.1 0.1 1/99 1000"),
            ("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n"),
            ("proc/vmstat", "oom_kill 0\n"),
            ("proc/self/net/fib_trie", "Local:\n |-- 192.168.10.21\n    /32 host LOCAL\n"),
            ("proc/self/net/route", "Iface\tDestination\tGateway\neth0\t00000000\t010AA8C0\n"),
            ("sys/class/net/eth0/carrier", "1"),
            ("sys/class/net/eth0/speed", "1000"),
            ("sys/class/thermal/thermal_zone0/type", "soc"),
            ("sys/class/thermal/thermal_zone0/temp", "48000"),
            ("sys/class/watchdog/watchdog0/identity", "DesignWare watchdog"),
            ("sys/class/watchdog/watchdog0/state", "active"),
            ("sys/dev/block/254:4/uevent", "DEVNAME=vda4\nPARTN=4"),
            ("sys/fs/ext4/vda4/errors_count", "0"),
            ("sys/firmware/devicetree/base/serial-number", "RK5B-24-001734\0"),
            ("var/log/journal/0123/system.journal", "x"),
        ] {
            machine.file(&format!("root/{file}"), text);
        }
        for folder in ["state", "share"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        let daemon = "LoadState=loaded\\nActiveState=active\\nSubState=running\\nResult=success\\nNRestarts=0\\nWatchdogUSec=30s";
        machine.program("systemctl", &format!("[ \"$1\" = show ] && printf '{daemon}\\n'; exit 0"));
        machine.program("fw_printenv", "printf 'BOOT_ORDER=A B\\nBOOT_A_LEFT=9\\nBOOT_B_LEFT=9\\n'");
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        self.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn check(&self, args: &[&str]) -> Output {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-models");
        let text = format!(
            "[share]\npath = '{0}/share'\n[state]\ndir = '{0}/state'\n[models]\ndir = '{1}'\n[mqtt]\nurl = 'mqtt://127.0.0.1:9'\n",
            self.dir.path().display(),
            models.display()
        );
        self.file("spinewatch.toml", &text);
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        Command::new(env!("CARGO_BIN_EXE_spinewatch"))
            .args(["check", "--config", self.path("spinewatch.toml").to_str().unwrap()])
            .args(["--root", self.path("root").to_str().unwrap()])
            .args(args)
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// Parts by name.
    fn parts(&self) -> Vec<Value> {
        let output = self.check(&["--device", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(told["well"] != true)), "{told:#}");
        told["parts"].as_array().unwrap().clone()
    }

    fn part(&self, name: &str) -> Value {
        let parts = self.parts();
        parts.iter().find(|part| part["part"] == name).unwrap_or_else(|| panic!("no part {name} in {parts:#?}")).clone()
    }
}

/// What the board adds to the daemon's own parts, in their order.
const BOARD: [&str; 19] = [
    "board",
    "processor",
    "memory",
    "heat",
    "clock chip",
    "panel",
    "controls",
    "watchdog",
    "root",
    "slot",
    "data",
    "mount",
    "link",
    "address",
    "route",
    "daemon",
    "units",
    "journal",
    "update",
];

#[test]
fn on_a_sound_board_every_part_of_it_is_good() {
    let parts = Machine::sound().parts();
    let names: Vec<&str> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert!(names.ends_with(&BOARD), "{names:?}");
    for part in parts.iter().filter(|part| BOARD.contains(&part["part"].as_str().unwrap())) {
        assert_eq!(part["good"], true, "{part}");
        assert!(!part["words"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_look_at_the_board_is_taken_only_when_asked_for() {
    let output = Machine::sound().check(&[]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("good  state") && !told.contains("watchdog"), "{told}");
}

#[test]
fn every_part_that_is_ill_says_in_one_line_what_to_do() {
    let machine = Machine::sound();
    let output = machine.check(&["--device"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "models and broker are not there: {told}");
    let ill: Vec<&str> = told.lines().filter(|line| line.starts_with("  BAD ")).collect();
    assert!(ill.len() >= 2 && ill.iter().all(|line| line.contains("; ")), "{told}");
    let last = told.lines().last().unwrap();
    assert!(last.contains("parts need attention: ") && last.contains("models, broker"), "{last}");
}

type Fault = (&'static str, &'static str, fn(&Machine));

#[test]
fn each_fault_is_found_in_its_part_and_in_no_other() {
    let faults: [Fault; 15] = [
        ("slot", "A runs, B is preferred", |m| m.program("fw_printenv", "printf 'BOOT_ORDER=B A\\nBOOT_A_LEFT=9\\n'")),
        ("slot", "not told a slot", |m| m.file("root/proc/cmdline", "root=/dev/vda9")),
        ("data", "was repaired", |m| {
            m.file("root/run/spinewatch-data/state", "repaired\nhad faults and was repaired\n")
        }),
        ("data", "7 errors", |m| m.file("root/sys/fs/ext4/vda4/errors_count", "7")),
        ("memory", "ran out", |m| m.file("root/proc/vmstat", "oom_kill 3\n")),
        ("heat", "91 degrees", |m| m.file("root/sys/class/thermal/thermal_zone0/temp", "91000")),
        ("processor", "processes want", |m| m.file("root/proc/loadavg", "900.0 1 1 1/1 1")),
        ("watchdog", "nobody feeds it", |m| m.file("root/sys/class/watchdog/watchdog0/state", "inactive")),
        ("link", "no carrier", |m| m.file("root/sys/class/net/eth0/carrier", "0")),
        ("address", "no address", |m| m.file("root/proc/self/net/fib_trie", "Local:\n")),
        ("daemon", "failed (watchdog)", |m| {
            m.program(
                "systemctl",
                "[ \"$1\" = show ] && printf 'LoadState=loaded\\nActiveState=failed\\nResult=watchdog\\n'; exit 0",
            );
        }),
        ("units", "rauc.service", |m| {
            let sound = fs::read_to_string(m.path("bin/systemctl")).unwrap().replace("exit 0", "");
            let script =
                format!("{sound}\n[ \"$1\" = list-units ] && echo 'rauc.service loaded failed failed RAUC'; exit 0");
            m.program("systemctl", &script);
        }),
        ("journal", "in memory", |m| fs::remove_dir_all(m.path("root/var/log/journal")).unwrap()),
        ("update", "rolled back: the models do not hold", |m| {
            let entry = "{\"number\":1,\"at\":\"2026-11-18T04:12:00Z\",\"outcome\":\"rolled_back\",\"version\":\"0.2.0\",\
                         \"why\":\"the models do not hold\",\"source\":\"stick\"}\n";
            m.file("state/update/history.jsonl", entry);
        }),
        ("mount", "can be written", |m| {
            let table = fs::read_to_string(m.path("root/proc/self/mountinfo")).unwrap();
            m.file("root/proc/self/mountinfo", &table.replace("ro,soft", "rw,soft").replace("share ro", "share rw"));
        }),
    ];
    let sound: Vec<Value> = Machine::sound().parts();
    for (name, words, break_it) in faults {
        let machine = Machine::sound();
        break_it(&machine);
        let parts = machine.parts();
        for (part, before) in parts.iter().zip(&sound) {
            let expected = part["part"] == name || before["good"] == false;
            assert_eq!(part["good"] == false, expected, "after {name} was broken: {part}");
        }
        let part = parts.iter().find(|part| part["part"] == name).unwrap();
        assert!(part["what"].as_str().unwrap().contains(words), "{part}");
        assert!(part["cure"].as_str().unwrap().len() > 10, "{part}");
    }
}

#[test]
fn a_machine_without_any_of_it_is_looked_at_to_the_end() {
    let machine = Machine::sound();
    fs::remove_dir_all(machine.path("root")).unwrap();
    for program in ["systemctl", "fw_printenv"] {
        machine.program(program, "echo 'System has not been booted with systemd' >&2; exit 1");
    }
    let parts = machine.parts();
    let ill: Vec<&str> =
        parts.iter().filter(|part| part["good"] == false).map(|part| part["part"].as_str().unwrap()).collect();
    for name in ["root", "slot", "data", "link", "address", "daemon", "units", "journal", "watchdog"] {
        assert!(ill.contains(&name), "{name} is not in {ill:?}");
    }
    assert!(machine.part("daemon")["what"].as_str().unwrap().contains("not been booted with systemd"));
}
