//! The board's serial console: what it says is read all the time, commands are run on it.
//!
//! Takes in the socket of QEMU's serial port; hands on what was said until a word appears, and the status and output
//! of shell commands. Reading never stops: a full socket would stall QEMU. Everything goes into a log file.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Said {
    text: String,
    ended: bool,
}

pub struct Serial {
    stream: UnixStream,
    said: Arc<(Mutex<Said>, Condvar)>,
    /// How much of the text has been looked at.
    read: usize,
    commands: u32,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub output: String,
}

impl Serial {
    pub fn new(stream: UnixStream, log: &Path) -> Self {
        let said = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let (from, into) = (stream.try_clone().unwrap(), said.clone());
        std::thread::spawn(move || drain(from, log, &into));
        Self { stream, said, read: 0, commands: 0 }
    }

    /// What was said until `word`, which is taken too; `Err` with the last lines when it does not come.
    pub fn wait(&mut self, word: &str, limit: Duration) -> Result<String, String> {
        let due = Instant::now() + limit;
        let (said, changed) = &*self.said;
        let mut said = said.lock().unwrap();
        loop {
            if let Some(at) = said.text[self.read..].find(word) {
                let before = said.text[self.read..self.read + at].to_owned();
                self.read += at + word.len();
                return Ok(before);
            }
            let left = due.saturating_duration_since(Instant::now());
            if said.ended || left.is_zero() {
                let why = if said.ended { "the board ended" } else { "time is up" };
                let lines: Vec<&str> = said.text.lines().rev().take(25).collect();
                let last: Vec<&str> = lines.into_iter().rev().collect();
                return Err(format!("{why}, waiting for {word:?}; it last said:\n{}", last.join("\n")));
            }
            said = changed.wait_timeout(said, left.min(Duration::from_secs(1))).unwrap().0;
        }
    }

    /// As [`Self::wait`]; a word that does not come fails the test.
    pub fn expect(&mut self, word: &str, limit: Duration) -> String {
        self.wait(word, limit).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Runs a command in the shell that waits there.
    pub fn run(&mut self, command: &str, limit: Duration) -> Ran {
        self.begin(command);
        self.finish(limit)
    }

    /// Begins a command; [`Self::finish`] waits for its end.
    pub fn begin(&mut self, command: &str) {
        self.commands += 1;
        let number = self.commands;
        // In the echo of the line the quotes stand between the words.
        self.send(&format!("echo begin''_{number}; {command}; echo end''_{number}=$?."));
    }

    pub fn finish(&mut self, limit: Duration) -> Ran {
        let number = self.commands;
        self.expect(&format!("begin_{number}"), limit);
        let output = self.expect(&format!("end_{number}="), limit);
        let status = self.expect(".", Duration::from_secs(10));
        Ran { status: status.parse().unwrap(), output: output.replace('\r', "").trim().to_owned() }
    }
}

fn drain(mut from: UnixStream, mut log: File, into: &(Mutex<Said>, Condvar)) {
    let started = Instant::now();
    let mut bytes = [0; 65536];
    let mut line = String::new();
    loop {
        let length = from.read(&mut bytes).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let mut said = into.0.lock().unwrap();
        said.ended = length == 0;
        said.text.push_str(&text);
        drop(said);
        into.1.notify_all();
        line.push_str(&text);
        while let Some(end) = line.find('\n') {
            let _ = write!(log, "[{:8.2}] {}", started.elapsed().as_secs_f64(), line[..=end].replace('\r', ""));
            line.drain(..=end);
        }
        if length == 0 {
            return;
        }
    }
}
