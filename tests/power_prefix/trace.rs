//! What a process did to a folder, from strace: system calls in, one operation each out.
//!
//! Anything that changes a file in a way that is not understood here ends the test: a recording with holes proves nothing.

use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// All that changes files or makes them durable, and what says where in a file a write goes.
const CALLS: &str = "open,openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,\
    copy_file_range,sendfile,splice,mmap,fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,link,\
    linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat";

/// One step; paths are relative to the recorded folder.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Create(PathBuf),
    Write {
        path: PathBuf,
        at: u64,
        bytes: Vec<u8>,
    },
    Length(PathBuf, u64),
    Folder(PathBuf),
    Link {
        path: PathBuf,
        target: PathBuf,
    },
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Sync(PathBuf),
    /// A line on standard output: a promise.
    Said(String),
}

/// Whether a process can be watched here; the word says what is missing.
pub fn can_record() -> Result<(), String> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    match tried {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("skipped: strace may not watch a process here (ptrace is not permitted)".into()),
        Err(_) => Err("skipped: strace is not installed".into()),
    }
}

/// Runs a command and gives all that it did below `root`. It must succeed.
pub fn record(root: &Path, program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<Op> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let root = &root.canonicalize().unwrap();
    let before = files(root, root);
    let output = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "16777216", "-e", &format!("trace={CALLS}"), "-o"])
        .arg(log.path())
        .arg(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&std::fs::read_to_string(log.path()).unwrap(), root, before)
}

/// The lines of a log as operations. A call that was interrupted by another thread's stands where it ended.
fn read(log: &str, root: &Path, files: Vec<PathBuf>) -> Vec<Op> {
    let mut recording = Recording { root, offsets: HashMap::new(), ops: Vec::new(), files };
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in log.lines() {
        let (pid, call) = line.trim_start().split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, begun);
        } else if let Some((_, rest)) = call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>")) {
            recording.call(&format!("{}{rest}", unfinished.remove(pid).unwrap()));
        } else if !call.starts_with(['+', '-']) {
            recording.call(call);
        }
    }
    recording.ops
}

/// Files that are there before, relative to the root.
fn files(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = |entry: std::fs::DirEntry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => files(root, &entry.path()),
        kind if kind.is_file() => vec![entry.path().strip_prefix(root).unwrap().to_owned()],
        _ => Vec::new(),
    };
    entries.flat_map(below).collect()
}

struct Recording<'a> {
    root: &'a Path,
    /// Where the next write without an offset of its own goes, by descriptor.
    offsets: HashMap<i64, u64>,
    ops: Vec<Op>,
    /// Paths of files that exist, to tell a creation from an opening.
    files: Vec<PathBuf>,
}

impl Recording<'_> {
    fn call(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(") = ").or_else(|| rest.rsplit_once(")  = ")) else { return };
        let result = result.trim();
        let Some(value) = number(result) else { return };
        if value < 0 {
            return;
        }
        let arguments: Vec<&str> = arguments.split(", ").collect();
        self.take(name, &arguments, value, result);
    }

    fn take(&mut self, name: &str, a: &[&str], value: i64, result: &str) {
        match name {
            "open" | "creat" => self.opened(name, None, a, value, result),
            "openat" => self.opened(name, Some(a[0]), &a[1..], value, result),
            "lseek" => drop(self.offsets.insert(number(a[0]).unwrap(), u64::try_from(value).unwrap())),
            "write" => self.written(a[0], text(a[1]), None, value),
            "pwrite64" => self.written(a[0], text(a[1]), Some(a[3].parse().unwrap()), value),
            "ftruncate" => self.below(path_of(a[0])).into_iter().for_each(|path| {
                self.ops.push(Op::Length(path, a[1].parse().unwrap()));
            }),
            "fsync" | "fdatasync" => self.ops.extend(self.below(path_of(a[0])).map(Op::Sync)),
            "rename" => self.renamed(text_path(a[0]), text_path(a[1])),
            "renameat" | "renameat2" => {
                assert!(a.get(4).is_none_or(|flags| *flags == "0" || *flags == "RENAME_NOREPLACE"), "{a:?}");
                self.renamed(at(a[0], a[1]), at(a[2], a[3]));
            }
            "symlink" => self.linked(text_path(a[1]), text_path(a[0])),
            "symlinkat" => self.linked(at(a[1], a[2]), text_path(a[0])),
            "unlink" | "rmdir" => self.removed(text_path(a[0])),
            "unlinkat" => self.removed(at(a[0], a[1])),
            "mkdir" => self.ops.extend(self.below(text_path(a[0])).map(Op::Folder)),
            "mkdirat" => self.ops.extend(self.below(at(a[0], a[1])).map(Op::Folder)),
            "close" => {}
            "mmap" => {
                let shared = a[2].contains("PROT_WRITE") && a[3].contains("MAP_SHARED");
                assert!(!shared || self.below(path_of(a[4])).is_none(), "a file is changed through memory: {a:?}");
            }
            _ => assert!(
                a.iter().all(|argument| self.below(path_of(argument)).is_none()),
                "not understood: {name} {a:?}"
            ),
        }
    }

    fn opened(&mut self, call: &str, folder: Option<&str>, a: &[&str], descriptor: i64, result: &str) {
        let Some(path) = self.below(path_of(result)) else { return };
        let asked = folder.map_or_else(|| text_path(a[0]), |folder| at(folder, a[0]));
        let flags = if call == "creat" { "O_CREAT|O_TRUNC" } else { a[1] };
        assert!(!flags.contains("O_APPEND") && !flags.contains("O_TMPFILE"), "not understood: {asked:?} {flags}");
        self.offsets.insert(descriptor, 0);
        if flags.contains("O_CREAT") && !self.files.contains(&path) {
            self.files.push(path.clone());
            self.ops.push(Op::Create(path));
        } else if flags.contains("O_TRUNC") {
            self.ops.push(Op::Length(path, 0));
        }
    }

    fn written(&mut self, descriptor: &str, mut bytes: Vec<u8>, at: Option<u64>, count: i64) {
        let (fd, count) = (number(descriptor).unwrap(), usize::try_from(count).unwrap());
        bytes.truncate(count);
        if fd == 1 {
            let said = String::from_utf8_lossy(&bytes).into_owned();
            self.ops.extend(said.lines().filter(|line| !line.is_empty()).map(|line| Op::Said(line.to_owned())));
            return;
        }
        let Some(path) = self.below(path_of(descriptor)) else { return };
        let offset = self.offsets.entry(fd).or_insert(0);
        let at = at.unwrap_or_else(|| std::mem::replace(offset, *offset + count as u64));
        self.ops.push(Op::Write { path, at, bytes });
    }

    fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        match (self.below(from), self.below(to)) {
            (Some(from), Some(to)) => {
                self.files.retain(|file| *file != to);
                for file in &mut self.files {
                    if let Ok(rest) = file.strip_prefix(&from) {
                        *file = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    }
                }
                self.ops.push(Op::Rename(from, to));
            }
            (None, None) => {}
            outside => panic!("renamed over the border: {outside:?}"),
        }
    }

    fn linked(&mut self, path: PathBuf, target: PathBuf) {
        self.ops.extend(self.below(path).map(|path| Op::Link { path, target }));
    }

    fn removed(&mut self, path: PathBuf) {
        if let Some(path) = self.below(path) {
            self.files.retain(|file| *file != path);
            self.ops.push(Op::Remove(path));
        }
    }

    /// The path below the recorded folder; of a file that is gone nothing more is recorded.
    fn below(&self, path: PathBuf) -> Option<PathBuf> {
        path.strip_prefix(self.root).ok().map(Path::to_owned).filter(|path| !path.ends_with(" (deleted)"))
    }
}

/// `7<...>` and `7` as 7.
fn number(text: &str) -> Option<i64> {
    text.split(['<', ' ']).next()?.parse().ok()
}

/// The path in `7</a/b>`.
fn path_of(descriptor: &str) -> PathBuf {
    let path = descriptor.split_once('<').map_or("", |(_, path)| path.trim_end_matches('>'));
    let path = unescaped(path);
    match path.strip_suffix(b" (deleted)") {
        Some(_) => PathBuf::new(),
        None => PathBuf::from(std::ffi::OsString::from_vec(path)),
    }
}

/// A name relative to a descriptor.
fn at(folder: &str, name: &str) -> PathBuf {
    path_of(folder).join(text_path(name))
}

fn text_path(argument: &str) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(text(argument)))
}

fn text(argument: &str) -> Vec<u8> {
    assert!(argument.ends_with('"'), "cut short by strace");
    unescaped(argument.trim_matches('"'))
}

/// `\x68\x69` as `hi`.
fn unescaped(text: &str) -> Vec<u8> {
    let digit = |byte: u8| if byte >= b'a' { byte - b'a' + 10 } else { byte - b'0' };
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}
