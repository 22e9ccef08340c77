//! Carries out what [`super::life`] decides: asks the server, downloads, calls the installer, remembers, tells.
//!
//! Every step is remembered before the next begins, so that a power cut at any point is a pause.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ddi::{Deployment, Execution, Feedback, Offer};
use super::device::{Device, InstallError, Installed, Standing};
use super::download::{Downloads, Failure, Fetched};
use super::item;
use super::life::{self, Described, Move, Seen};
use super::record::{Outcome, Record, Stage, server_key};
use super::schedule::Schedule;
use super::server::{Access, Server, Told};
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
            Move::Confirm(id) => {
                self.server.confirm(&id)?;
                forget(seen, |offer| offer.confirmation = None);
                Ok(())
            }
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

    fn poll(&mut self, seen: &mut Seen) -> Result<(), Trouble> {
        let offer = self.server.offer()?;
        self.sleep = offer.sleep;
        if offer.wants_attributes {
            self.server.attributes(&self.device.attributes())?;
        }
        if let (Some(id), false) = (&offer.confirmation, seen.confirms) {
            tracing::info!(action = id, "an update waits for the operator's confirmation in hawkBit");
        }
        seen.offer = Some(offer);
        Ok(())
    }

    fn describe(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        match self.server.deployment(id)? {
            Some(deployment) => seen.described = Some(self.understood(&deployment)),
            None => forget(seen, |offer| offer.deployment = None),
        }
        Ok(())
    }

    fn understood(&self, deployment: &Deployment) -> Described {
        let item = item::of(deployment, self.server.is_plain());
        Described { download: deployment.download, install: deployment.install, item }
    }

    fn begin(&mut self, id: &str, seen: &Seen) -> Result<(), Trouble> {
        let Some(described) = &seen.described else { return Ok(()) };
        let sha256 = described.item.as_ref().map_or("", |(item, _)| item.sha256.as_str());
        let reference = self.record.reference(id, sha256);
        let standing = self.device.standing(&reference).map_err(|error| device_trouble(&error))?;
        self.keep(life::begin(&self.record, id, described, &standing))
    }

    fn dropped(&mut self) -> Result<(), Trouble> {
        let whole = self.record.action.as_ref().is_some_and(|action| action.stage == Stage::Downloaded);
        self.keep(Record { action: None, ..self.record.clone() })?;
        // "download only" ends here, and the file is wanted by the action that follows; the next download removes it otherwise
        if whole { Ok(()) } else { self.clear() }
    }

    fn tell(&mut self, feedback: &Feedback, seen: &mut Seen) -> Result<(), Trouble> {
        let Some(action) = &self.record.action else { return Ok(()) };
        let proving = action.stage == Stage::Proving;
        match self.server.feedback(&action.id, feedback) {
            Ok(Told::Taken) => self.keep(self.record.clone().told()),
            Ok(Told::Closed(_)) if !proving => {
                forget(seen, |offer| offer.deployment = None);
                Ok(())
            }
            Err(trouble) if !proving => Err(trouble),
            // the restart waits for nobody
            _ => self.keep(self.record.clone().told()),
        }
    }

    fn download(&mut self, seen: &mut Seen) -> Result<(), Trouble> {
        let Some(Described { item: Ok((item, url)), .. }) = seen.described.clone() else { return Ok(()) };
        let id = self.record.action.as_ref().map(|action| action.id.clone());
        let (server, every) = (&self.server, self.settings.shortest);
        let (mut asked, mut changed) = (Instant::now(), None);
        let watch = || {
            if asked.elapsed() < every {
                return false;
            }
            asked = Instant::now();
            // a server that does not answer this is no reason to end the download
            changed = server.offer().ok().filter(|offer| offer.deployment != id);
            changed.is_some()
        };
        match self.downloads.fetch(&item, |have| server.file(&url, have), watch) {
            Ok(Fetched::Whole) => self.keep(self.record.clone().at(Stage::Downloaded)),
            Ok(Fetched::Stopped) => {
                (seen.offer, seen.described) = (changed, None);
                Ok(())
            }
            Err(Failure::Trouble(trouble)) => Err(trouble),
            Err(Failure::Hopeless(why)) => self.finish(Outcome::failure(why)),
        }
    }

    fn install(&mut self) -> Result<(), Trouble> {
        let Some(action) = self.record.action.clone() else { return Ok(()) };
        let Some(item) = &action.item else { return Ok(()) };
        if !self.downloads.has(item) {
            return self.keep(self.record.clone().at(Stage::Downloading));
        }
        self.keep(self.record.clone().installing())?;
        let begun = Feedback::on_the_way(Execution::Proceeding, format!("{}: the installation begins", item.what));
        if let Err(trouble) = self.server.feedback(&action.id, &begun) {
            tracing::info!(%trouble, "the installation begins untold");
        }
        let reference = self.record.reference(&action.id, &item.sha256);
        match self.device.install(&reference, item, &self.downloads.path(item)) {
            Ok(Installed::NeedsProof) => self.keep(self.record.clone().at(Stage::Proving)),
            Ok(Installed::InForce(words)) => self.finish(Outcome::success(words)),
            Err(InstallError::RunsAlready(why)) => self.finish(Outcome::success(why)),
            Err(InstallError::Refused(why)) => self.finish(Outcome::failure(why)),
            Err(InstallError::Later(why)) => {
                self.keep(self.record.clone().put_off())?;
                Err(Trouble::Device(why))
            }
        }
    }

    fn finish(&mut self, outcome: Outcome) -> Result<(), Trouble> {
        self.keep(self.record.clone().at(Stage::Finished(outcome)))
    }

    fn report(&mut self, outcome: &Outcome, seen: &mut Seen) -> Result<(), Trouble> {
        let Some(action) = &self.record.action else { return Ok(()) };
        let told = self.server.feedback(&action.id, &Feedback::closed(outcome.success, &outcome.details))?;
        if let Told::Closed(status) = told {
            tracing::warn!(action = action.id, status, "hawkBit does not want to hear of this action any more");
        }
        self.keep(self.record.clone().closed())?;
        forget(seen, |offer| offer.deployment = None);
        self.clear()
    }

    fn accept_cancel(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        if let Some(stopped) = self.server.stopped(id)? {
            let detail = "given up: nothing was installed".to_owned();
            self.server.cancelled(&stopped, &Feedback::closed(true, &[detail]))?;
        }
        self.keep(Record { action: None, ..self.record.clone() })?;
        forget(seen, |offer| offer.cancel = None);
        self.clear()
    }

    fn reject_cancel(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        let words = "it is installed already: the restart decides, and its end will be reported";
        self.server.cancelled(id, &Feedback::on_the_way(Execution::Rejected, words))?;
        forget(seen, |offer| offer.cancel = None);
        Ok(())
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

/// What was true of the offer is no more.
fn forget(seen: &mut Seen, change: impl FnOnce(&mut Offer)) {
    seen.described = None;
    if let Some(offer) = &mut seen.offer {
        change(offer);
    }
}

fn device_trouble(error: &std::io::Error) -> Trouble {
    Trouble::Device(error.to_string())
}
