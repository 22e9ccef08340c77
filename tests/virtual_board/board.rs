//! The board itself: a disk of its own, power on, power off, reset, a shell.
//!
//! Takes in the built image; hands on a running QEMU with console and control socket. One board at a time.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::qmp::Qmp;
use super::serial::{Ran, Serial};
use super::share;

/// A boot to the daemon's READY takes 75 to 110 s under emulation on two quiet cores.
pub const BOOT: Duration = Duration::from_secs(420);

/// The console's shell (board/virtual/rootfs) waits.
const PROMPT: &str = "spinewatch-board#";

/// A shell command that does little.
pub const SHORT: Duration = Duration::from_secs(90);

/// The folder of `board/virtual/board build`, or `None` and a word why.
pub fn built() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SPINEWATCH_BOARD").map(PathBuf::from) else {
        eprintln!("skipped: no virtual board (board/virtual/board build, then board/virtual/board test)");
        return None;
    };
    assert!(folder.join("disk.img").exists(), "{} has no disk.img: board/virtual/board build", folder.display());
    Some(folder)
}

/// A disk that only this scenario writes to, over the built one.
#[derive(Clone, Debug)]
pub struct Disk {
    pub file: PathBuf,
}

impl Disk {
    pub fn fresh(built: &Path, work: &Path, name: &str) -> Self {
        let file = work.join(format!("{name}.qcow2"));
        let made = Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
            .arg(built.join("disk.img").canonicalize().unwrap())
            .arg(&file)
            .status();
        assert!(made.unwrap().success(), "qemu-img create");
        Self { file }
    }

    /// The same content, snapshots included, in another file.
    pub fn copy(&self, name: &str) -> Self {
        let file = self.file.with_file_name(format!("{name}.qcow2"));
        std::fs::copy(&self.file, &file).unwrap();
        Self { file }
    }
}

/// How the power is switched on.
#[derive(Clone, Debug, Default)]
pub struct PowerOn {
    /// The button is held.
    pub button: bool,
    /// Go on from this snapshot instead of booting; with the same disks as then.
    pub snapshot: Option<&'static str>,
    /// A second disk, read-only: the bundles.
    pub lab: Option<PathBuf>,
}

/// Where board.env looks for the button, and what stands there while it is held.
const BUTTON: &str = "loader,addr=0x60000000,data=0x5057,data-len=4";

pub struct Board {
    qemu: Child,
    pub serial: Serial,
    pub qmp: Qmp,
    pub disk: Disk,
    at_shell: bool,
    pub since: Instant,
}

impl Board {
    /// Switches on; nothing has been said yet.
    pub fn power_on(work: &Path, disk: &Disk, how: &PowerOn) -> Self {
        let (serial, qmp) = (work.join("serial.sock"), work.join("qmp.sock"));
        for socket in [&serial, &qmp] {
            let _ = std::fs::remove_file(socket);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("board/virtual/qemu.sh");
        let mut command = Command::new(script);
        command.arg(&disk.file).arg("qcow2");
        command.arg("-chardev").arg(format!("socket,id=serial,path={},server=on,wait=off", serial.display()));
        command.args(["-serial", "chardev:serial", "-qmp"]).arg(format!("unix:{},server=on,wait=off", qmp.display()));
        if how.button {
            command.args(["-device", BUTTON]);
        }
        if let Some(lab) = &how.lab {
            command.arg("-drive").arg(format!("file={},format=raw,if=none,id=lab,readonly=on", lab.display()));
            command.args(["-device", "virtio-blk-pci,drive=lab"]);
        }
        if let Some(snapshot) = how.snapshot {
            command.args(["-loadvm", snapshot]);
        }
        let qemu = command.stdin(Stdio::null()).spawn().expect("qemu-system-aarch64 (apt-get install qemu-system-arm)");
        let since = Instant::now();
        let log = work.join("serial.log");
        let (serial, qmp) = (Serial::new(connected(&serial), &log), Qmp::new(connected(&qmp)));
        let mut board = Self { qemu, serial, qmp, disk: disk.clone(), at_shell: how.snapshot.is_some(), since };
        if board.at_shell {
            board.hush();
        }
        board
    }

    /// Waits for the shell on the console.
    pub fn shell(&mut self) {
        self.try_shell().unwrap_or_else(|why| panic!("{why}"));
    }

    /// The board has restarted: its shell is to be waited for again.
    pub fn restarted(&mut self) {
        self.at_shell = false;
    }

    fn try_shell(&mut self) -> Result<(), String> {
        if !self.at_shell {
            self.serial.wait(PROMPT, BOOT)?;
            self.at_shell = true;
            self.hush();
        }
        Ok(())
    }

    /// The kernel's complaints of a lost share must not stand in the output of commands.
    fn hush(&mut self) {
        self.sh("dmesg -n 1");
    }

    /// Waits until the daemon is ready; guest seconds from the kernel's start to READY.
    pub fn ready(&mut self) -> f64 {
        self.try_ready().unwrap_or_else(|why| panic!("{why}"))
    }

    /// As [`Self::ready`], where a board that does not come up is counted.
    pub fn try_ready(&mut self) -> Result<f64, String> {
        self.try_shell()?;
        let ran = self.serial.run("systemctl start spinewatch; systemctl is-active spinewatch", BOOT);
        if ran.status != 0 {
            return Err(format!("the daemon does not start: {}", ran.output));
        }
        Ok(self.guest_seconds("spinewatch.service"))
    }

    /// What an engineer does once: the share's password is sealed for this device, and the share is mounted.
    pub fn set_up(&mut self) {
        let password = format!("username={}\\npassword={}\\n", share::USER, share::PASSWORD);
        self.sh(&format!(
            "printf '{password}' | systemd-creds encrypt --name=share - /etc/spinewatch/share.cred && sync"
        ));
        self.sh("mkdir -p /run/lab && mount -o ro /dev/vdb /run/lab");
        let proof = self.serial.run("systemctl start spinewatch-confirm", BOOT);
        assert_eq!(proof.status, 0, "the first system is not proved: {}", proof.output);
    }

    /// When a unit became active, in seconds since the kernel's start.
    pub fn guest_seconds(&mut self, unit: &str) -> f64 {
        let said = self.sh(&format!("systemctl show -P ActiveEnterTimestampMonotonic {unit}"));
        said.trim().parse::<f64>().unwrap_or_else(|e| panic!("{said:?}: {e}")) / 1e6
    }

    /// Runs a short command that must succeed; its output.
    pub fn sh(&mut self, command: &str) -> String {
        let Ran { status, output } = self.serial.run(command, SHORT);
        assert_eq!(status, 0, "{command}: {output}");
        output
    }

    /// The slot that is running, `A` or `B`.
    pub fn slot(&mut self) -> String {
        self.sh("sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline")
    }

    /// Saves what the screen shows as `screens/NAME.png` of the build folder.
    pub fn screenshot(&mut self, built: &Path, name: &str) {
        // The screen follows the wire: it is drawn once a second.
        std::thread::sleep(Duration::from_secs(3));
        let folder = built.join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        self.qmp.screendump(&folder.join(format!("{name}.png")));
    }

    /// As [`Self::screenshot`], of the first picture after the power is on.
    pub fn first_picture(&mut self, built: &Path, name: &str) {
        /// A black screen of this size is a PNG of 1 KiB.
        const BLACK: u64 = 8 << 10;
        let folder = built.join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        while self.since.elapsed() < BOOT {
            self.qmp.screendump(&file);
            if file.metadata().unwrap().len() > BLACK {
                return;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        panic!("the screen stays black");
    }

    /// SIGKILL: what the disk has not been told to keep is gone with QEMU.
    pub fn cut_power(mut self) -> Disk {
        self.qemu.kill().unwrap();
        self.qemu.wait().unwrap();
        self.disk.clone()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn connected(socket: &Path) -> UnixStream {
    let started = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return stream,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{}: {error}", socket.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
