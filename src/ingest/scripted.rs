//! A share in memory that does as it is told: fails, stalls, loses its mount, counts what it is asked.
#![allow(clippy::unwrap_used)]

use super::share::{Contents, Kind, Share, ShareError, Stat};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
pub(super) struct Script {
    nodes: BTreeMap<PathBuf, (Stat, Vec<u8>)>,
    /// What every call answers, while set.
    pub outage: Option<ShareError>,
    /// What calls about one path answer.
    pub broken: BTreeMap<PathBuf, ShareError>,
    /// The listing does not tell files from folders.
    pub is_terse: bool,
    /// How long a listing takes for each entry.
    pub per_entry: Duration,
    /// Folders' times stand still.
    pub folder_times_lie: bool,
    pub stats: usize,
    pub listings: usize,
    pub reads: Vec<PathBuf>,
}

impl Scripted {
    pub fn new() -> Self {
        let share = Self::default();
        share.script().put("", Kind::Folder, b"", 0);
        share
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    pub fn write(&self, path: &str, bytes: &[u8], mtime_ns: i64) {
        let mut script = self.script();
        for folder in Path::new(path).ancestors().skip(1) {
            let time = if script.folder_times_lie { 0 } else { mtime_ns };
            script.put(folder.to_str().unwrap(), Kind::Folder, b"", time);
        }
        script.put(path, Kind::File, bytes, mtime_ns);
    }

    pub fn remove(&self, path: &str) {
        self.script().nodes.remove(Path::new(path));
    }
}

impl Script {
    pub fn put(&mut self, path: &str, kind: Kind, bytes: &[u8], mtime_ns: i64) {
        let size = u64::try_from(bytes.len()).unwrap();
        self.nodes.insert(path.into(), (Stat { kind, size, mtime_ns }, bytes.to_vec()));
    }

    fn check(&self, path: &Path) -> Result<&(Stat, Vec<u8>), ShareError> {
        if let Some(error) = self.outage.as_ref().or_else(|| self.broken.get(path)) {
            return Err(error.clone());
        }
        self.nodes.get(path).ok_or(ShareError::Gone)
    }
}

impl Share for Scripted {
    fn probe(&mut self) -> Result<(), ShareError> {
        self.script().outage.clone().map_or(Ok(()), Err)
    }

    fn stat(&mut self, path: &Path) -> Result<Stat, ShareError> {
        let mut script = self.script();
        script.stats += 1;
        script.check(path).map(|node| node.0)
    }

    fn list(&mut self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> Result<Duration, ShareError> {
        let mut script = self.script();
        script.listings += 1;
        script.check(folder)?;
        let mut took = Duration::ZERO;
        let below = script.nodes.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
        for (path, (stat, _)) in below.filter(|(path, _)| path.parent() == Some(folder)) {
            each(path.file_name().unwrap(), if script.is_terse { Kind::Unknown } else { stat.kind });
            took += script.per_entry;
        }
        Ok(took)
    }

    fn read(&mut self, path: &Path, _limit: u64) -> Result<Contents, ShareError> {
        let mut script = self.script();
        script.reads.push(path.to_owned());
        script.check(path).map(|(stat, bytes)| Contents { bytes: bytes.clone(), opened: *stat })
    }
}
