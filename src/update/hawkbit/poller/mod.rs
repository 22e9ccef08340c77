//! Carries out what [`super::life`] decides: asks the server, downloads, calls the installer, remembers, tells.
//!
//! Every step is remembered before the next begins, so that a power cut at any point is a pause.

mod steps;

use std::path::PathBuf;
use std::time::Duration;

use super::access::Access;
use super::device::{Device, Standing};
use super::download::Downloads;
use super::life::{self, Move, Seen};
use super::record::{Record, Stage, server_key};
use super::schedule::Schedule;
use super::server::Server;
use super::trouble::Trouble;

/// More moves than any action needs in a round: a server that goes round in circles waits for the next.
const MOVES: usize = 32;

/// What the poller needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub access: Access,
    /// Folder of the one file that is downloaded.
    pub downloads: PathBuf,
    /// Bytes of its disk that stay free.
    pub reserve: u64,
    /// Shortest time between two polls.
    pub shortest: Duration,
    /// Longest time between two polls.
    pub longest: Duration,
    /// The device gives the consent that a server asks for.
    pub confirms: bool,
}

/// The device's side of hawkBit.
pub struct Poller<D> {
    settings: Settings,
    server: Server,
    downloads: Downloads,
    schedule: Schedule,
    record: Record,
    device: D,
    sleep: Option<Duration>,
    said: Option<String>,
}

impl<D: Device> Poller<D> {
    /// Goes on where `record` stands. What was remembered for another server counts for nothing: its numbers mean nothing
    /// here.
    pub fn new(settings: Settings, record: Record, device: D) -> Self {
        let Access { url, tenant, controller, .. } = &settings.access;
        let key = server_key(&[url, tenant, controller]);
        let record = if record.server == key { record } else { Record::of(&key) };
        Self {
            server: Server::new(&settings.access),
            downloads: Downloads::new(settings.downloads.clone(), settings.reserve),
            schedule: Schedule::new(settings.shortest, settings.longest),
            settings,
            record,
            device,
            sleep: None,
            said: None,
        }
    }

    /// What is remembered.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// One round, and how long to wait for the next; `unit` (0 to 1) makes the jitter. Trouble is said once.
    pub fn turn(&mut self, unit: f64) -> Duration {
        match self.round() {
            Ok(()) => {
                if self.said.take().is_some() {
                    tracing::warn!("the hawkBit server answers again");
                }
                let soon = self.record.action.as_ref().is_some_and(|action| action.stage == Stage::Proving);
                self.schedule.answered(self.sleep, soon, unit)
            }
            Err(trouble) => {
                let words = trouble.to_string();
                if self.said.as_ref() != Some(&words) {
                    tracing::warn!("{words}");
                    self.said = Some(words);
                }
                self.schedule.troubled(unit)
            }
        }
    }

    /// Does everything that can be done now.
    ///
    /// # Errors
    /// [`Trouble`]; what was reached is remembered.
    pub fn round(&mut self) -> Result<(), Trouble> {
        let mut seen =
            Seen { offer: None, described: None, standing: Standing::Unknown, confirms: self.settings.confirms };
        for _ in 0..MOVES {
            seen.standing = self.standing()?;
            let next = life::next(&self.record, &seen);
            tracing::debug!(?next, "hawkBit");
            match next {
                Move::Rest => return Ok(()),
                Move::Restart => return self.device.restart().map_err(|error| device_trouble(&error)),
                next => self.carry_out(next, &mut seen)?,
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, next: Move, seen: &mut Seen) -> Result<(), Trouble> {
        match next {
            Move::Rest | Move::Restart => Ok(()),
            Move::Poll => self.poll(seen),
            Move::Describe(id) => self.describe(&id, seen),
            Move::Confirm(id) => self.confirm(&id, seen),
            Move::Begin(id) => self.begin(&id, seen),
            Move::Drop => self.dropped(),
            Move::Tell(feedback) => self.tell(&feedback, seen),
            Move::Download => self.download(seen),
            Move::Install => self.install(),
            Move::Become(stage) => self.keep(self.record.clone().at(stage)),
            Move::AcceptCancel(id) => self.accept_cancel(&id, seen),
            Move::RejectCancel(id) => self.reject_cancel(&id, seen),
            Move::Report(outcome) => self.report(&outcome, seen),
        }
    }

    fn standing(&mut self) -> Result<Standing, Trouble> {
        let Some(action) = &self.record.action else { return Ok(Standing::Unknown) };
        let reference = self.record.reference(&action.id, action.sha256());
        self.device.standing(&reference).map_err(|error| device_trouble(&error))
    }

    fn keep(&mut self, record: Record) -> Result<(), Trouble> {
        self.device.keep(&record).map_err(|error| device_trouble(&error))?;
        self.record = record;
        Ok(())
    }

    fn clear(&self) -> Result<(), Trouble> {
        self.downloads.clear().map_err(|error| device_trouble(&error))
    }
}

fn device_trouble(error: &std::io::Error) -> Trouble {
    Trouble::Device(error.to_string())
}
