//! A disk that forgets: operations in, what lies on it after a cut out.
//!
//! Two models. *In order*: all that was done before the cut is there, nothing after it. *Careless*: a file keeps what was
//! written before its last sync; of what was written after it any part may be there, the last piece torn at 512 bytes; a
//! name made, moved or removed is certain only once its folder was synced. Real file systems lie between the two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::trace::Op;

const SECTOR: usize = 512;

/// What lies on the disk: files, folders and links by path, parents first.
pub type Image = BTreeMap<PathBuf, Entry>;

#[derive(Clone, Debug)]
pub enum Entry {
    File(Arc<Vec<u8>>),
    Folder,
    Link(PathBuf),
}

/// What becomes of that which was not synced.
#[derive(Clone, Copy, Debug)]
pub enum Unsynced {
    /// Gone.
    Lost,
    /// Bytes are gone, names are there.
    NamesOnly,
    /// Names are gone, bytes are there.
    BytesOnly,
    /// Each piece is there or not.
    Any,
}

/// A change of one file.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// A file by its number, whatever it is called.
#[derive(Debug, Default)]
struct File {
    now: Arc<Vec<u8>>,
    synced: Arc<Vec<u8>>,
    since: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    File(usize),
    Folder(usize),
    Link(PathBuf),
}

/// A change of names. A folder is a number too; the recorded one is 0.
#[derive(Clone, Debug)]
enum Naming {
    Put((usize, String), Node),
    Move((usize, String), (usize, String)),
    Remove((usize, String)),
}

/// Names of each folder.
type Names = Vec<BTreeMap<String, Node>>;

#[derive(Debug)]
pub struct Disk {
    files: Vec<File>,
    names: Names,
    /// Every change of names, and whether its folder was synced after it.
    namings: Vec<(Naming, bool)>,
}

impl Disk {
    pub fn new() -> Self {
        Self { files: Vec::new(), names: vec![BTreeMap::new()], namings: Vec::new() }
    }

    /// With all of an image on it, durable.
    pub fn of(image: &Image) -> Self {
        let mut disk = Self::new();
        for (path, entry) in image {
            let path = path.clone();
            match entry {
                Entry::Folder => disk.apply(&Op::Folder(path)),
                Entry::Link(target) => disk.apply(&Op::Link { path, target: target.clone() }),
                Entry::File(bytes) => {
                    disk.apply(&Op::Create(path.clone()));
                    disk.apply(&Op::Write { path: path.clone(), at: 0, bytes: bytes.to_vec() });
                    disk.apply(&Op::Sync(path));
                }
            }
        }
        disk.namings.iter_mut().for_each(|(_, synced)| *synced = true);
        disk
    }

    /// Whether an operation changes what lies on the disk.
    pub const fn changes(op: &Op) -> bool {
        !matches!(op, Op::Sync(_) | Op::Said(_))
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(path) => {
                self.files.push(File::default());
                self.put(path, Node::File(self.files.len() - 1));
            }
            Op::Folder(path) => {
                self.names.push(BTreeMap::new());
                self.put(path, Node::Folder(self.names.len() - 1));
            }
            Op::Link { path, target } => self.put(path, Node::Link(target.clone())),
            Op::Rename(from, to) => self.name(Naming::Move(self.seat(from), self.seat(to))),
            Op::Remove(path) => self.name(Naming::Remove(self.seat(path))),
            Op::Write { path, at, bytes } => self.change(path, Change::Write(*at, bytes.clone())),
            Op::Length(path, length) => self.change(path, Change::Length(*length)),
            Op::Sync(path) => self.sync(path),
            Op::Said(_) => {}
        }
    }

    /// What lies there when everything arrived in order.
    pub fn in_order(&self) -> Image {
        self.image(&self.names, |file| Arc::clone(&self.files[file].now))
    }

    /// What may lie there when nothing arrives before it is synced.
    pub fn careless(&self, unsynced: Unsynced, chance: &mut Xoshiro256PlusPlus) -> Image {
        let share = *[0.1, 0.5, 0.9].choose(chance).unwrap();
        let mut keep = |all: bool| match unsynced {
            Unsynced::Lost => false,
            Unsynced::NamesOnly | Unsynced::BytesOnly => all,
            Unsynced::Any => chance.random_bool(share),
        };
        let mut names: Names = vec![BTreeMap::new(); self.names.len()];
        for (naming, synced) in &self.namings {
            if *synced || keep(matches!(unsynced, Unsynced::NamesOnly)) {
                rename(&mut names, naming);
            }
        }
        let mut files: Vec<Arc<Vec<u8>>> = self
            .files
            .iter()
            .map(|file| {
                let mut bytes = Arc::clone(&file.synced);
                for change in &file.since {
                    if keep(matches!(unsynced, Unsynced::BytesOnly)) {
                        alter(&mut bytes, change);
                    }
                }
                bytes
            })
            .collect();
        if matches!(unsynced, Unsynced::Any) {
            self.tear(&mut files, chance);
        }
        self.image(&names, |file| Arc::clone(&files[file]))
    }

    /// Of the last write of each file, some sectors.
    fn tear(&self, files: &mut [Arc<Vec<u8>>], chance: &mut Xoshiro256PlusPlus) {
        for (file, bytes) in self.files.iter().zip(files) {
            let Some(Change::Write(at, last)) = file.since.last() else { continue };
            for (index, sector) in last.chunks(SECTOR).enumerate() {
                if chance.random_bool(0.5) {
                    alter(bytes, &Change::Write(at + (index * SECTOR) as u64, sector.to_vec()));
                }
            }
        }
    }

    fn image(&self, names: &Names, bytes: impl Fn(usize) -> Arc<Vec<u8>>) -> Image {
        let mut image = Image::new();
        let mut open = vec![(PathBuf::new(), 0)];
        while let Some((path, folder)) = open.pop() {
            for (name, node) in &names[folder] {
                let path = path.join(name);
                let entry = match node {
                    Node::File(file) => Entry::File(bytes(*file)),
                    Node::Link(target) => Entry::Link(target.clone()),
                    Node::Folder(folder) => {
                        open.push((path.clone(), *folder));
                        Entry::Folder
                    }
                };
                image.insert(path, entry);
            }
        }
        image
    }

    fn put(&mut self, path: &Path, node: Node) {
        self.name(Naming::Put(self.seat(path), node));
    }

    fn name(&mut self, naming: Naming) {
        assert!(rename(&mut self.names, &naming), "not as recorded: {naming:?}");
        self.namings.push((naming, false));
    }

    fn change(&mut self, path: &Path, change: Change) {
        let Some(Node::File(file)) = self.find(path) else { panic!("{} is no file", path.display()) };
        let file = &mut self.files[file];
        alter(&mut file.now, &change);
        file.since.push(change);
    }

    fn sync(&mut self, path: &Path) {
        match self.find(path) {
            Some(Node::File(file)) => {
                let file = &mut self.files[file];
                file.synced = Arc::clone(&file.now);
                file.since.clear();
            }
            Some(Node::Folder(folder)) => {
                for (naming, synced) in &mut self.namings {
                    *synced |= match naming {
                        Naming::Put((at, _), _) | Naming::Remove((at, _)) => *at == folder,
                        Naming::Move((from, _), (to, _)) => *from == folder || *to == folder,
                    };
                }
            }
            other => panic!("{} is {other:?}, and was synced", path.display()),
        }
    }

    /// Folder and name of a path.
    fn seat(&self, path: &Path) -> (usize, String) {
        let parent = path.parent().unwrap();
        let Some(Node::Folder(folder)) = self.find(parent) else { panic!("{} is no folder", parent.display()) };
        (folder, path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn find(&self, path: &Path) -> Option<Node> {
        path.iter().try_fold(Node::Folder(0), |node, name| match node {
            Node::Folder(folder) => self.names[folder].get(name.to_str()?).cloned(),
            _ => None,
        })
    }
}

/// False where it cannot be: what it needs was lost before it.
fn rename(names: &mut Names, naming: &Naming) -> bool {
    let blocks = |names: &Names, node: &Node, over: Option<&Node>| match (node, over) {
        (_, None) => false,
        (Node::Folder(_), Some(Node::Folder(over))) => !names[*over].is_empty(),
        (Node::Folder(_), Some(_)) | (_, Some(Node::Folder(_))) => true,
        _ => false,
    };
    match naming {
        Naming::Put((folder, name), node) => {
            let free = !names[*folder].contains_key(name);
            if free {
                names[*folder].insert(name.clone(), node.clone());
            }
            free
        }
        Naming::Move((from, old), (to, new)) => {
            let Some(node) = names[*from].get(old).cloned() else { return false };
            if blocks(names, &node, names[*to].get(new)) {
                return false;
            }
            names[*from].remove(old);
            names[*to].insert(new.clone(), node);
            true
        }
        Naming::Remove((folder, name)) => match names[*folder].get(name) {
            Some(Node::Folder(inner)) if !names[*inner].is_empty() => false,
            Some(_) => names[*folder].remove(name).is_some(),
            None => false,
        },
    }
}

fn alter(bytes: &mut Arc<Vec<u8>>, change: &Change) {
    let bytes = Arc::make_mut(bytes);
    match change {
        Change::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Change::Write(at, written) => {
            let at = usize::try_from(*at).unwrap();
            let end = at + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[at..end].copy_from_slice(written);
        }
    }
}

/// Lays an image into an empty folder.
pub fn lay(image: &Image, folder: &Path) {
    for (path, entry) in image {
        let path = folder.join(path);
        match entry {
            Entry::Folder => std::fs::create_dir(path).unwrap(),
            Entry::File(bytes) => std::fs::write(path, bytes.as_slice()).unwrap(),
            Entry::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        }
    }
}
