//! The overlay's files, a root file system with them in it, and the programs that judge them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the overlay by its path on the device.
pub fn shipped(path: &str) -> PathBuf {
    project().join("board/rootfs").join(path)
}

pub fn text(path: &str) -> String {
    fs::read_to_string(shipped(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file and link of the overlay by its path on the device, without the leading `/`.
pub fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![shipped("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(shipped("")).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Our units with one of these endings; templates and drop-ins are none.
pub fn units(endings: &[&str]) -> Vec<String> {
    let name = |path: PathBuf| {
        let name = path.strip_prefix("usr/lib/systemd/system").ok()?.to_str()?.to_owned();
        (!name.contains('/') && endings.iter().any(|ending| name.ends_with(ending))).then_some(name)
    };
    all().into_iter().filter_map(name).collect()
}

/// Whether this test may mount, own and become somebody else; says a word where it may not.
pub fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: {what} needs root");
    }
    root
}

/// What a program said, or a word that it is missing.
pub fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {}: {error}", command.get_program().display());
            None
        }
    }
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A root file system as an image's recipe makes it: systemd's own units, the overlay, programs that do nothing.
pub fn image() -> Option<tempfile::TempDir> {
    let own = ["/usr/lib/systemd/system", "/lib/systemd/system"].map(Path::new).into_iter().find(|path| path.is_dir());
    let Some(own) = own else {
        println!("skipped: systemd is not installed");
        return None;
    };
    let image = tempfile::tempdir().unwrap();
    let root = image.path();
    fs::create_dir_all(root.join("usr/lib/systemd/system")).unwrap();
    for folder in ["usr/bin", "usr/sbin", "etc"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for link in ["bin", "sbin", "lib"] {
        symlink(format!("usr/{link}"), root.join(link)).unwrap();
    }
    let copy = |from: &Path, to: &str| {
        let from = format!("{}/.", from.display());
        assert!(Command::new("cp").arg("-a").arg(from).arg(root.join(to)).status().unwrap().success());
    };
    // Those of other packages of this machine are not in the image.
    for entry in fs::read_dir(own).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_systemds = ["systemd-", "local-fs", "network", "sysinit", "multi-user", "umount", "shutdown", "basic"]
            .iter()
            .chain(&[
                "time-s",
                "timers",
                "sockets",
                "paths",
                "slices",
                "system.slice",
                "-.slice",
                "remote-fs",
                "debug-shell",
            ])
            .any(|begin| name.starts_with(begin));
        if is_systemds && path.is_file() {
            fs::copy(&path, root.join("usr/lib/systemd/system").join(name)).unwrap();
        }
    }
    copy(&shipped(""), "");
    for program in ["usr/bin/spinewatch", "usr/bin/mount", "usr/bin/umount", "usr/bin/grep", "usr/sbin/nft"] {
        fs::copy("/bin/true", root.join(program)).unwrap();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\nsystemd-journal:x:990:\nvideo:x:44:\n").unwrap();
    Some(image)
}
