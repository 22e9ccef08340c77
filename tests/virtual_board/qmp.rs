//! QEMU's control socket (QMP): screen, keys, cables, sticks, snapshots.
//!
//! Takes in commands, hands on QEMU's answers; events are passed over. An error is a failed test.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

pub struct Qmp {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Qmp {
    pub fn new(stream: UnixStream) -> Self {
        // Saving a snapshot takes a while.
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let answers = BufReader::new(stream.try_clone().unwrap());
        let mut qmp = Self { stream, answers };
        qmp.answer("QMP");
        qmp.execute("qmp_capabilities", json!({}));
        qmp
    }

    fn answer(&mut self, key: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "QEMU has ended");
            let value: Value = serde_json::from_str(&line).unwrap();
            assert!(value.get("error").is_none(), "QEMU: {value}");
            if let Some(answer) = value.get(key) {
                return answer.clone();
            }
        }
    }

    pub fn execute(&mut self, command: &str, arguments: Value) -> Value {
        let line = json!({ "execute": command, "arguments": arguments });
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.answer("return")
    }

    /// A command of QEMU's monitor; what it complains of fails the test.
    pub fn monitor(&mut self, line: &str) {
        let said = self.execute("human-monitor-command", json!({ "command-line": line }));
        assert_eq!(said, "", "QEMU: {line}");
    }

    /// The screen as a PNG.
    pub fn screendump(&mut self, file: &Path) {
        self.execute("screendump", json!({ "filename": file, "format": "png" }));
    }

    /// Network cable in or out.
    pub fn cable(&mut self, plugged: bool) {
        self.execute("set_link", json!({ "name": "net", "up": plugged }));
    }

    /// Plugs a USB stick in whose content is the raw image `file`.
    pub fn plug_stick(&mut self, file: &Path) {
        let file = json!({ "driver": "file", "filename": file });
        self.execute("blockdev-add", json!({ "node-name": "stick", "driver": "raw", "file": file }));
        self.execute(
            "device_add",
            json!({ "driver": "usb-storage", "id": "stick", "drive": "stick", "bus": "usb.0", "removable": true }),
        );
    }

    /// Pulls it out, at once.
    pub fn pull_stick(&mut self) {
        self.execute("device_del", json!({ "id": "stick" }));
    }
}
