//! RAUC's policy on a real D-Bus daemon: the one that RAUC ships lets everybody in, ours must take that back.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use super::overlay::{is_root, run, said, shipped};

/// As RAUC 1.15 ships it.
const RAUCS_OWN: &str = r#"<busconfig>
  <policy context="default"><allow send_destination="de.pengutronix.rauc"/></policy>
  <policy user="root"><allow own="de.pengutronix.rauc"/></policy>
</busconfig>"#;

struct Fake;

#[zbus::interface(name = "de.pengutronix.rauc.Installer")]
impl Fake {
    fn install(&self, _source: &str) -> u32 {
        7
    }

    fn mark(&self, _state: &str, _slot: &str) -> u32 {
        8
    }

    #[zbus(property)]
    fn boot_slot(&self) -> &str {
        "A"
    }

    #[zbus(property)]
    fn set_boot_slot(&self, _slot: &str) {}
}

/// A system bus, RAUC's policy before ours, and a service in RAUC's place.
struct Bus {
    _folder: tempfile::TempDir,
    address: String,
    daemon: Child,
    _service: Option<zbus::blocking::Connection>,
}

impl Bus {
    /// `daemon` stands for the account spinewatch, which this machine does not have.
    fn start(ours: bool) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let policy = fs::read_to_string(shipped("etc/dbus-1/system.d/zz-spinewatch-rauc.conf")).unwrap();
        assert!(policy.contains("<policy user=\"spinewatch\">"));
        fs::write(folder.path().join("rauc.conf"), RAUCS_OWN).unwrap();
        fs::write(folder.path().join("ours.conf"), policy.replace("user=\"spinewatch\"", "user=\"daemon\"")).unwrap();
        let dir = folder.path().display();
        let ours = if ours { format!("<include>{dir}/ours.conf</include>") } else { String::new() };
        // The rules of the system bus itself: no method calls and no names unless a policy allows them.
        let config = format!(
            r#"<busconfig><type>system</type><listen>unix:path={dir}/bus</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
            <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
            <allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
            <allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
            <allow send_destination="org.freedesktop.DBus"/></policy>
            <include>{dir}/rauc.conf</include>{ours}</busconfig>"#
        );
        fs::write(folder.path().join("bus.conf"), config).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={dir}/bus.conf")).args(["--nofork", "--print-address"]);
        let Ok(mut daemon) = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            println!("skipped: no dbus-daemon on this machine");
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let mut bus = Self { _folder: folder, address, daemon, _service: None };
        let service = zbus::blocking::connection::Builder::address(bus.address.as_str()).unwrap();
        let service = service.name("de.pengutronix.rauc").unwrap().serve_at("/", Fake).unwrap().build().unwrap();
        bus._service = Some(service);
        Some(bus)
    }

    /// What busctl says as somebody.
    fn call(&self, user: &str, arguments: &[&str]) -> Result<String, String> {
        let address = format!("--address={}", self.address);
        let become_them = [format!("--reuid={user}"), "--clear-groups".into(), "busctl".into(), address];
        let output = run(Command::new("setpriv").args(become_them).args(arguments)).expect("setpriv of util-linux");
        let words = said(&output).trim().to_owned();
        if output.status.success() { Ok(words) } else { Err(words) }
    }

    fn install(&self, user: &str) -> Result<String, String> {
        let object = ["call", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer"];
        self.call(user, &[&object[..], &["Install", "s", "/tmp/x.raucb"]].concat())
    }

    fn property(&self, user: &str) -> Result<String, String> {
        self.call(user, &["get-property", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer", "BootSlot"])
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn is_refused(answer: &Result<String, String>) -> bool {
    answer.as_ref().is_err_and(|words| words.contains("Access denied"))
}

#[test]
fn nobody_but_root_installs_or_marks_a_slot() {
    if !is_root("becoming somebody else") {
        return;
    }
    let Some(theirs) = Bus::start(false) else { return };
    assert_eq!(
        theirs.install("nobody").as_deref(),
        Ok("u 7"),
        "what this is about: RAUC's own policy lets everybody in"
    );

    let bus = Bus::start(true).unwrap();
    assert_eq!(bus.install("root").as_deref(), Ok("u 7"));
    assert_eq!(bus.property("root").as_deref(), Ok("s \"A\""));
    for user in ["nobody", "daemon"] {
        let answer = bus.install(user);
        assert!(is_refused(&answer), "{user}: {answer:?}");
        let mark =
            ["call", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer", "Mark", "ss", "good", "booted"];
        assert!(is_refused(&bus.call(user, &mark)), "{user}");
    }
}

#[test]
fn the_daemon_reads_which_slot_runs_and_nobody_else_does() {
    if !is_root("becoming somebody else") {
        return;
    }
    let Some(bus) = Bus::start(true) else { return };
    assert_eq!(bus.property("daemon").as_deref(), Ok("s \"A\""));
    let set = ["set-property", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer", "BootSlot", "s", "B"];
    assert!(is_refused(&bus.call("daemon", &set)), "reads, and sets nothing");
    assert!(is_refused(&bus.property("nobody")));
    let owning = "name='de.pengutronix.rauc'";
    let answer = bus.call(
        "daemon",
        &["call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", "su", "de.pengutronix.rauc", "0"],
    );
    assert!(is_refused(&answer) || answer.is_err(), "{owning}: {answer:?}");
}
