//! What the scenarios start from: bundles good and bad on a disk of their own, and a board that is set up and ready.
//!
//! Takes in the built image; hands on files in the build folder, made once and again when the image is newer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::board::{Board, Disk, PowerOn};

/// The snapshot of a board that is ready and idle.
pub const READY: &str = "ready";

/// Bundles by name; the board finds them in /run/lab.
pub const GOOD: &str = "good.raucb";
pub const STRANGER: &str = "stranger.raucb";
pub const OTHER_BOARD: &str = "other-board.raucb";
pub const OLDER: &str = "older.raucb";
/// A newer version whose fracture detector is missing: its self-test fails.
pub const BROKEN: &str = "broken.raucb";

const COMPATIBLE: &str = "spinewatch-virtual-aarch64";

pub struct Lab {
    built: PathBuf,
}

impl Lab {
    pub fn prepare(built: &Path) -> Self {
        let lab = Self { built: built.to_owned() };
        std::fs::create_dir_all(lab.folder()).unwrap();
        let slot = built.join("slot.ext4");
        let broken = built.join("slot-broken.ext4");
        if older(&broken, &slot) {
            std::fs::copy(&slot, &broken).unwrap();
            let remove = "rm /usr/share/spinewatch/models/fracture-detector-edge/model.onnx";
            succeeds(Command::new("debugfs").args(["-w", "-R", remove]).arg(&broken));
        }
        lab.bundle(&slot, GOOD, "0.2.0", COMPATIBLE, "signer");
        lab.bundle(&slot, STRANGER, "0.2.0", COMPATIBLE, "stranger");
        lab.bundle(&slot, OTHER_BOARD, "0.2.0", "spinewatch-imx8mp-evk", "signer");
        lab.bundle(&slot, OLDER, "0.0.9", COMPATIBLE, "signer");
        lab.bundle(&broken, BROKEN, "0.3.0", COMPATIBLE, "signer");
        let image = lab.image();
        if older(&image, &lab.folder().join(BROKEN)) {
            let kib =
                [GOOD, STRANGER, OTHER_BOARD, OLDER, BROKEN].map(|name| lab.bytes(name)).iter().sum::<u64>() / 1024;
            std::fs::File::create(&image).unwrap().set_len((kib * 11 / 10 + 8192) * 1024).unwrap();
            succeeds(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0", "-d"]).arg(lab.folder()).arg(&image));
        }
        lab
    }

    fn folder(&self) -> PathBuf {
        self.built.join("bundles")
    }

    /// The disk with the bundles, read-only in the board.
    pub fn image(&self) -> PathBuf {
        self.built.join("bundles.ext4")
    }

    /// A bundle on this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn bytes(&self, name: &str) -> u64 {
        self.path(name).metadata().unwrap().len()
    }

    fn bundle(&self, slot: &Path, name: &str, version: &str, compatible: &str, signer: &str) {
        let out = self.path(name);
        if !older(&out, slot) {
            return;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("board/virtual/build/bundle.sh");
        let mut command = Command::new(script);
        command.arg(slot).args([version, compatible]).arg(self.built.join("keys")).arg(signer).arg(&out);
        succeeds(&mut command);
    }

    /// A disk whose snapshot [`READY`] is a board that was set up, has booted and is idle; copied for this scenario.
    pub fn ready(&self, work: &Path) -> Disk {
        let kept = self.built.join("ready.qcow2");
        if older(&kept, &self.built.join("disk.img")) || older(&kept, &self.image()) {
            let _ = std::fs::remove_file(&kept);
            let disk = Disk::fresh(&self.built, work, "setup");
            let mut board = Board::power_on(work, &disk, &PowerOn { lab: Some(self.image()), ..PowerOn::default() });
            board.ready();
            board.set_up();
            board.qmp.monitor(&format!("savevm {READY}"));
            std::fs::rename(board.cut_power().file, &kept).unwrap();
        }
        let file = work.join("board.qcow2");
        std::fs::copy(&kept, &file).unwrap();
        Disk { file }
    }
}

/// Whether `file` is missing or older than `than`.
fn older(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    modified(file) < Some(modified(than).unwrap_or(SystemTime::UNIX_EPOCH))
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
