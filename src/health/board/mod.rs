//! The board and its system as the kernel tells of them: slot, serial number, mounts, links. Reads files, changes nothing.
//!
//! [`Board`] reads below a root, so that a made-up machine is read like a real one; what the files say is parsed by pure
//! functions. What cannot be read is absent, never invented.

mod links;

mod mounts;

mod slot;

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use links::{Link, is_link_local};
pub use mounts::Mount;
pub use slot::Slot;

/// More than this of a file of the kernel is not read, bytes.
const MOST: u64 = 1 << 20;

/// A machine, by the root of its file system.
#[derive(Clone, Debug)]
pub struct Board {
    root: PathBuf,
}

impl Default for Board {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Board {
    /// The machine whose files lie below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the absolute `path` of that machine is.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file, without the NUL at the end of a device tree's properties and blanks around it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?.take(MOST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_matches(['\0', ' ', '\n', '\t', '\r']).to_owned())
    }

    /// The text of a file that says something; `None` where it is missing or empty.
    pub fn word(&self, path: impl AsRef<Path>) -> Option<String> {
        self.text(path).ok().filter(|text| !text.is_empty())
    }

    /// A number in a file of its own.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<i64> {
        self.text(path).ok()?.parse().ok()
    }

    /// Names in a folder, sorted; none where there is no such folder.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Name of the board: device tree, else DMI.
    pub fn model(&self) -> Option<String> {
        self.word("/sys/firmware/devicetree/base/model").or_else(|| self.word("/sys/class/dmi/id/product_name"))
    }

    /// Serial number of the board: device tree, else DMI (which only root may read).
    pub fn serial(&self) -> Option<String> {
        self.word("/sys/firmware/devicetree/base/serial-number")
            .or_else(|| self.word("/proc/device-tree/serial-number"))
            .or_else(|| self.word("/sys/class/dmi/id/product_serial"))
    }

    /// The slot that runs; see [`Slot`].
    pub fn slot(&self) -> Option<Slot> {
        let line = self.text("/proc/cmdline").unwrap_or_default();
        Slot::of_command_line(&line).or_else(|| {
            Slot::of_root(&self.mounts(), |device| self.text(format!("/sys/dev/block/{device}/uevent")).ok())
        })
    }

    /// What is mounted, in the order of mounting: what comes later lies on top.
    pub fn mounts(&self) -> Vec<Mount> {
        let table = self.text("/proc/self/mountinfo").unwrap_or_default();
        table.lines().filter_map(Mount::parse).collect()
    }

    /// Interfaces with their addresses but the loopback's: IPv4 first, link-local ones last.
    pub fn addresses(&self) -> Vec<(String, IpAddr)> {
        let table = |name: &str| self.text(format!("/proc/self/net/{name}")).unwrap_or_default();
        links::addresses(&table("fib_trie"), &table("route"), &table("if_inet6"))
    }

    /// Network interfaces but the loopback.
    pub fn links(&self) -> Vec<Link> {
        let names = self.names("/sys/class/net").into_iter().filter(|name| name != "lo");
        names.map(|name| Link::of(&name, |file| self.word(format!("/sys/class/net/{name}/{file}")))).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn board(files: &[(&str, &str)]) -> (tempfile::TempDir, Board) {
        let root = tempfile::tempdir().unwrap();
        let board = Board::at(root.path());
        for (path, text) in files {
            let path = board.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (root, board)
    }

    #[test]
    fn a_device_tree_is_believed_before_dmi() {
        let (_root, both) = board(&[
            ("/sys/firmware/devicetree/base/serial-number", "RK5B-24-001734\0"),
            ("/sys/firmware/devicetree/base/model", "Radxa ROCK 5B\0"),
            ("/sys/class/dmi/id/product_serial", "other\n"),
        ]);
        assert_eq!(
            (both.serial().unwrap().as_str(), both.model().unwrap().as_str()),
            ("RK5B-24-001734", "Radxa ROCK 5B")
        );
        let (_root, dmi) = board(&[("/sys/class/dmi/id/product_serial", "PC-7\n")]);
        assert_eq!((dmi.serial().as_deref(), dmi.model()), (Some("PC-7"), None));
    }

    #[test]
    fn the_loopback_is_no_link_and_an_empty_machine_has_nothing() {
        let (_root, board) = board(&[
            ("/sys/class/net/lo/operstate", "unknown\n"),
            ("/sys/class/net/eth0/operstate", "up\n"),
            ("/sys/class/net/eth0/carrier", "1\n"),
        ]);
        let names: Vec<String> = board.links().into_iter().map(|link| link.name).collect();
        assert_eq!(names, ["eth0"]);
        let empty = Board::at("/nonexistent");
        assert_eq!((empty.slot(), empty.serial(), empty.mounts().len(), empty.links().len()), (None, None, 0, 0));
    }
}
