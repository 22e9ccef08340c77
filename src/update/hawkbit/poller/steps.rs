//! The moves of [`super::life`], one function each: what is asked or told, what is done, what is remembered of it.

use std::time::Instant;

use super::super::ddi::{Deployment, Offer};
use super::super::device::{Device, InstallError, Installed};
use super::super::download::{Failure, Fetched};
use super::super::feedback::{Execution, Feedback};
use super::super::item;
use super::super::life::{self, Described, Seen};
use super::super::record::{Outcome, Record, Stage};
use super::super::server::Told;
use super::super::trouble::Trouble;
use super::{Poller, device_trouble};

impl<D: Device> Poller<D> {
    pub(super) fn poll(&mut self, seen: &mut Seen) -> Result<(), Trouble> {
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

    pub(super) fn confirm(&self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        self.server.confirm(id)?;
        forget(seen, |offer| offer.confirmation = None);
        Ok(())
    }

    pub(super) fn describe(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
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

    pub(super) fn begin(&mut self, id: &str, seen: &Seen) -> Result<(), Trouble> {
        let Some(described) = &seen.described else { return Ok(()) };
        let sha256 = described.item.as_ref().map_or("", |(item, _)| item.sha256.as_str());
        let reference = self.record.reference(id, sha256);
        let standing = self.device.standing(&reference).map_err(|error| device_trouble(&error))?;
        self.keep(life::begin(&self.record, id, described, &standing))
    }

    pub(super) fn dropped(&mut self) -> Result<(), Trouble> {
        let whole = self.record.action.as_ref().is_some_and(|action| action.stage == Stage::Downloaded);
        self.keep(Record { action: None, ..self.record.clone() })?;
        // "download only" ends here, and the file is wanted by the action that follows; the next download removes it otherwise
        if whole { Ok(()) } else { self.clear() }
    }

    pub(super) fn tell(&mut self, feedback: &Feedback, seen: &mut Seen) -> Result<(), Trouble> {
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

    pub(super) fn download(&mut self, seen: &mut Seen) -> Result<(), Trouble> {
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

    pub(super) fn install(&mut self) -> Result<(), Trouble> {
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

    pub(super) fn report(&mut self, outcome: &Outcome, seen: &mut Seen) -> Result<(), Trouble> {
        let Some(action) = &self.record.action else { return Ok(()) };
        let told = self.server.feedback(&action.id, &Feedback::closed(outcome.success, &outcome.details))?;
        if let Told::Closed(status) = told {
            tracing::warn!(action = action.id, status, "hawkBit does not want to hear of this action any more");
        }
        self.keep(self.record.clone().closed())?;
        forget(seen, |offer| offer.deployment = None);
        self.clear()
    }

    pub(super) fn accept_cancel(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        if let Some(stopped) = self.server.stopped(id)? {
            let detail = "given up: nothing was installed".to_owned();
            self.server.cancelled(&stopped, &Feedback::closed(true, &[detail]))?;
        }
        self.keep(Record { action: None, ..self.record.clone() })?;
        forget(seen, |offer| offer.cancel = None);
        self.clear()
    }

    pub(super) fn reject_cancel(&mut self, id: &str, seen: &mut Seen) -> Result<(), Trouble> {
        let words = "it is installed already: the restart decides, and its end will be reported";
        self.server.cancelled(id, &Feedback::on_the_way(Execution::Rejected, words))?;
        forget(seen, |offer| offer.cancel = None);
        Ok(())
    }
}

/// What was true of the offer is no more.
fn forget(seen: &mut Seen, change: impl FnOnce(&mut Offer)) {
    seen.described = None;
    if let Some(offer) = &mut seen.offer {
        change(offer);
    }
}
