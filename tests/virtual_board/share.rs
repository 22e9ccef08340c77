//! The scanner's share: a samba server of this machine's own on loopback, and a phantom console that writes to it.
//!
//! Takes in phantom studies; the board mounts what is written as //10.0.2.2/ct. The share can be switched off.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spinewatch::phantom::dicom_writer::encode;
use spinewatch::phantom::{Fractures, Habits, Study, StudySpec};

/// What board/virtual/rootfs sets: port, user and password of the share.
pub const PORT: u16 = 24450;
pub const USER: &str = "nobody";
pub const PASSWORD: &str = "phantom-console";

pub struct Share {
    folder: PathBuf,
    server: Option<Child>,
}

impl Share {
    pub fn start(work: &Path) -> Self {
        let folder = work.join("samba");
        std::fs::create_dir_all(folder.join("ct")).unwrap();
        let dir = folder.display();
        let configuration = format!(
            "[global]\nsmb ports = {PORT}\ninterfaces = 127.0.0.1/8\nbind interfaces only = yes\n\
             server min protocol = SMB3_00\ndisable spoolss = yes\nload printers = no\n\
             passdb backend = smbpasswd:{dir}/smbpasswd\nprivate dir = {dir}\nstate directory = {dir}\n\
             cache directory = {dir}\nlock directory = {dir}\npid directory = {dir}\nncalrpc dir = {dir}/rpc\n\
             log file = {dir}/samba.log\n[ct]\npath = {dir}/ct\nread only = yes\nforce user = root\n"
        );
        std::fs::write(folder.join("smb.conf"), configuration).unwrap();
        let password = format!("printf '{PASSWORD}\\n{PASSWORD}\\n' | smbpasswd -c {dir}/smb.conf -L -s -a {USER}");
        let made = Command::new("sh").args(["-c", &password]).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "smbpasswd (apt-get install samba, and run as root)");
        let mut share = Self { folder, server: None };
        share.switch_on();
        share
    }

    pub fn switch_on(&mut self) {
        let server = Command::new("smbd")
            .args(["--foreground", "--configfile"])
            .arg(self.folder.join("smb.conf"))
            .stdin(Stdio::null())
            // When it ends it ends all of its process group.
            .process_group(0)
            .spawn();
        self.server = Some(server.expect("smbd (apt-get install samba)"));
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "smbd does not listen on port {PORT}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The server is gone with all its connections; the files stay.
    pub fn switch_off(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // Its processes for connections end when it does.
        let ended = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        assert!(ended.unwrap().success());
        server.wait().unwrap();
    }

    pub fn console(&self, seed: u64, slices: usize) -> Console {
        Console::new(&self.folder.join("ct"), seed, slices)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.switch_off();
    }
}

/// A study, encoded, on its way to the share.
pub struct Console {
    folder: PathBuf,
    files: Vec<Vec<u8>>,
    written: usize,
}

impl Console {
    fn new(share: &Path, seed: u64, slices: usize) -> Self {
        let fractures = if seed.is_multiple_of(2) { Fractures::Fractured } else { Fractures::Intact };
        let spec = StudySpec { fractures, slices: Some(slices), matrix: 256, ..StudySpec::new(seed) };
        let study = Study::generate(&spec);
        let habits = Habits::research(seed);
        let files = (0..study.len()).map(|i| encode(&study, i, &study.render(i).hounsfield, &habits).unwrap());
        Self { folder: share.join(seed.to_string()), files: files.collect(), written: 0 }
    }

    /// Writes until `until` slices are there, so many a second.
    pub fn write(&mut self, until: usize, rate: f64) {
        std::fs::create_dir_all(&self.folder).unwrap();
        while self.written < until.min(self.files.len()) {
            let due = Instant::now() + Duration::from_secs_f64(1.0 / rate);
            std::fs::write(self.folder.join(format!("{}.dcm", self.written)), &self.files[self.written]).unwrap();
            self.written += 1;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    pub fn write_all(&mut self, rate: f64) {
        self.write(self.files.len(), rate);
    }
}
