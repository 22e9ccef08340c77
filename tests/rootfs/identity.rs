//! The script that gives a device its name, on folders instead of /.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::overlay::{said, shipped, text};

struct Device(tempfile::TempDir);

impl Device {
    /// As it leaves the works: systemd has made up a machine-id for this boot.
    fn new(serial: Option<&str>) -> Self {
        let device = Self(tempfile::tempdir().unwrap());
        for folder in ["data", "etc/spinewatch", "proc/sys/kernel", "proc/device-tree"] {
            fs::create_dir_all(device.path(folder)).unwrap();
        }
        device.write("etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
        device.write("etc/spinewatch/spinewatch.toml", &text("etc/spinewatch/spinewatch.toml"));
        if let Some(serial) = serial {
            device.write("proc/device-tree/serial-number", &format!("{serial}\0"));
        }
        device
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn boot(&self) {
        let output = Command::new(shipped("usr/lib/spinewatch/identity")).env("ROOT", self.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    fn name(&self) -> String {
        spinewatch::config::Settings::read(&self.path("etc/spinewatch/spinewatch.toml")).unwrap().device.name
    }
}

#[test]
fn a_device_is_named_after_its_boards_serial_number() {
    let device = Device::new(Some("RK-3588/00C0FFEE"));
    device.boot();
    assert_eq!(device.read("proc/sys/kernel/hostname"), "spinewatch-rk358800c0ffee\n");
    assert_eq!(device.name(), "spinewatch-rk358800c0ffee");
    assert_eq!(device.read("data/machine-id"), device.read("etc/machine-id"));
}

#[test]
fn a_board_without_a_serial_number_is_named_after_the_id_that_it_keeps() {
    let device = Device::new(None);
    device.boot();
    // the next boot of a read-only root makes up another one
    device.write("etc/machine-id", "ffffffffffffffffffffffffffffffff\n");
    device.boot();
    assert_eq!(device.read("data/machine-id"), "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
    assert_eq!(device.read("proc/sys/kernel/hostname"), "spinewatch-3d1219c7\n");
}

#[test]
fn what_the_site_has_named_stays_as_it_is() {
    let device = Device::new(Some("1"));
    let configured = text("etc/spinewatch/spinewatch.toml").replace("name = \"spinewatch\"", "name = \"ct-2\"");
    device.write("etc/spinewatch/spinewatch.toml", &configured);
    device.write("etc/spinewatch/hostname", "radiology-ct-2\n");
    device.boot();
    assert_eq!(device.read("proc/sys/kernel/hostname"), "radiology-ct-2\n");
    assert_eq!(device.read("etc/spinewatch/spinewatch.toml"), configured);
    assert!(!Path::new(&device.path("etc/spinewatch/spinewatch.toml.new")).exists());
}
