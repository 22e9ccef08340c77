//! A device without RAUC: two slots in memory, records in a folder, and a switch for the power.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use spinewatch::update::hawkbit::{
    Access, Credential, Device, InstallError, Installed, Item, Poller, Record, Settings, Standing,
};

use crate::server::{CONTROLLER, Hawkbit, TENANT};

/// What the other slot's system will turn out to be.
#[derive(Clone, Debug)]
pub enum Fate {
    Proves,
    RollsBack(&'static str),
}

/// What lies on the disk, and in the world around it.
pub struct State {
    pub fate: Fate,
    /// What the installer answers before it writes, once each.
    pub refusals: Vec<InstallError>,
    /// References of all bundles that were written whole.
    pub written: Vec<String>,
    /// Reference, and whether all of it is written.
    pending: Option<(String, bool)>,
    restarted: bool,
    ended: BTreeMap<String, Standing>,
    /// Durable steps until the power goes; `None`: never.
    pub power: Option<u32>,
    pub steps: u32,
    pub restarts: u32,
}

/// A board, its disk and its server.
pub struct Board {
    pub folder: tempfile::TempDir,
    pub hawkbit: Hawkbit,
    state: Arc<Mutex<State>>,
}

impl Board {
    pub fn new(hawkbit: &Hawkbit) -> Self {
        let state = State {
            fate: Fate::Proves,
            refusals: Vec::new(),
            written: Vec::new(),
            pending: None,
            restarted: false,
            ended: BTreeMap::new(),
            power: None,
            steps: 0,
            restarts: 0,
        };
        let folder = tempfile::tempdir().unwrap();
        Self { folder, hawkbit: hawkbit.clone(), state: Arc::new(Mutex::new(state)) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn settings(&self) -> Settings {
        let access = Access {
            url: self.hawkbit.url(),
            tenant: TENANT.into(),
            controller: CONTROLLER.into(),
            credential: Some(Credential::TargetToken("4f2d".into())),
            tls: None,
        };
        Settings {
            access,
            downloads: self.folder.path().join("download"),
            reserve: 0,
            shortest: Duration::from_secs(30),
            longest: Duration::from_secs(3600),
            confirms: false,
        }
    }

    /// The process that a boot starts.
    pub fn poller(&self) -> Poller<OnBoard> {
        self.poller_with(self.settings())
    }

    pub fn poller_with(&self, settings: Settings) -> Poller<OnBoard> {
        let device = OnBoard { folder: self.folder.path().to_owned(), state: Arc::clone(&self.state) };
        Poller::new(settings, Record::load(self.folder.path()).unwrap(), device)
    }

    /// The power comes back, or the restart was asked for: the written slot is booted.
    pub fn boot(&self) {
        let mut state = self.state();
        (state.power, state.restarted) = (None, true);
        if let Some((reference, false)) = state.pending.clone() {
            state.pending = None;
            state.ended.insert(reference, Standing::Failed("switched off while the slot was written".into()));
        }
    }

    /// What `update confirm` does once it knows.
    pub fn confirm(&self) {
        let mut state = self.state();
        if let (true, Some((reference, true))) = (state.restarted, state.pending.clone()) {
            let standing = match state.fate {
                Fate::Proves => Standing::Proved,
                Fate::RollsBack(why) => Standing::RolledBack(why.into()),
            };
            state.ended.insert(reference, standing);
            state.pending = None;
        }
    }

    /// How often a bundle was written whole, and a restart asked for.
    pub fn done(&self) -> (usize, u32) {
        let state = self.state();
        (state.written.len(), state.restarts)
    }

    pub fn proved(&self) -> bool {
        self.state().ended.values().any(|standing| *standing == Standing::Proved)
    }

    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("download"));
        entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// The device as the poller sees it.
pub struct OnBoard {
    folder: std::path::PathBuf,
    state: Arc<Mutex<State>>,
}

impl OnBoard {
    /// A durable step; when the power is gone, nothing happens any more.
    fn step(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.steps += 1;
        match &mut state.power {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn write(&self, reference: &str) -> io::Result<()> {
        self.step()?;
        self.state.lock().unwrap().pending = Some((reference.to_owned(), false));
        self.step()?;
        let mut state = self.state.lock().unwrap();
        state.pending = Some((reference.to_owned(), true));
        state.restarted = false;
        state.written.push(reference.to_owned());
        drop(state);
        self.step()
    }
}

impl Device for OnBoard {
    fn standing(&mut self, reference: &str) -> io::Result<Standing> {
        let state = self.state.lock().unwrap();
        if state.power == Some(0) {
            return Err(io::Error::other("no power"));
        }
        Ok(match &state.pending {
            Some((pending, true)) if pending == reference => Standing::Written { restarted: state.restarted },
            Some((pending, false)) if pending == reference => Standing::Begun,
            _ => state.ended.get(reference).cloned().unwrap_or(Standing::Unknown),
        })
    }

    fn install(&mut self, reference: &str, item: &Item, file: &Path) -> Result<Installed, InstallError> {
        assert_eq!(std::fs::read(file).unwrap().len() as u64, item.size, "only whole files are installed");
        if let Some(refusal) = self.state.lock().unwrap().refusals.pop() {
            return Err(refusal);
        }
        // dead: whatever is answered, nobody can remember it
        self.write(reference).map_err(|error| InstallError::Later(error.to_string()))?;
        Ok(Installed::NeedsProof)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.step()?;
        self.state.lock().unwrap().restarts += 1;
        Ok(())
    }

    fn attributes(&mut self) -> BTreeMap<String, String> {
        BTreeMap::from([("version".to_owned(), "0.1.0".to_owned())])
    }

    fn keep(&mut self, record: &Record) -> io::Result<()> {
        self.step()?;
        record.save(&self.folder)?;
        self.step()
    }
}
