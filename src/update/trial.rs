//! Carries out what [`super::confirm`] decides, once a boot: watches, marks, records, restarts.
//!
//! The record is written before the boot loader is told: a power cut in between is made good at the next boot.

use std::time::Duration;

use jiff::Timestamp;

use super::attempts::BootLoader;
use super::confirm::{self, Act, Boot, Limits, Watch};
use super::rauc::{Rauc, RaucError, Slots};
use super::record::{Entry, Outcome, Pending, RecordError, Records};
use crate::health::Standing;

/// What the trial came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The update has proved itself.
    Proved(String),
    /// No update was on trial; this system is good, and marked so.
    Good,
    /// The update is written and waits for a restart.
    BeforeRestart,
    /// The update is bad, and why; the device restarts into the other slot.
    RollingBack(String),
    /// The system is bad, and why, and there is nowhere to go.
    Stayed(String),
    /// The system is not good, and why; there is no update to undo.
    NotGood(String),
}

/// RAUC or the records fail.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// RAUC.
    #[error("RAUC: {0}")]
    Rauc(#[from] RaucError),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordError),
}

/// One trial.
#[derive(Debug)]
pub struct Trial<'a> {
    /// RAUC.
    pub rauc: &'a Rauc,
    /// The boot loader's counts.
    pub boot_loader: BootLoader,
    /// Over restarts.
    pub records: &'a Records,
    /// This boot.
    pub boot_id: &'a str,
    /// How long it takes to believe.
    pub limits: Limits,
    /// Restart when the update is bad.
    pub restart: bool,
}

impl Trial<'_> {
    /// Judges this boot. `observe` waits a little, then says what the daemon says and the time since the boot.
    ///
    /// # Errors
    /// When RAUC does not answer, or the records cannot be written; the next run goes on from there.
    pub fn run(&self, observe: &mut dyn FnMut() -> (Option<Standing>, Duration)) -> Result<Verdict, TrialError> {
        let slots = self.rauc.slots()?;
        let pending = match confirm::boot(self.records.pending()?, &slots, self.boot_id) {
            Boot::OnTrial(pending) => pending,
            Boot::BeforeRestart => return Ok(Verdict::BeforeRestart),
            Boot::Ended(pending, outcome, why) => {
                tracing::error!(version = pending.version, why, "the update has {}", outcome.words());
                self.records.conclude(Entry::of(&pending, outcome, Some(why), Timestamp::now()))?;
                None
            }
        };
        let (standing, now) = observe();
        let mut watch = Watch::new(self.limits, now);
        let mut judgement = watch.observe(standing.as_ref(), now);
        loop {
            if let Some(act) = confirm::act(judgement, pending.as_ref(), &slots) {
                return self.carry_out(act, pending, &slots);
            }
            let (standing, now) = observe();
            judgement = watch.observe(standing.as_ref(), now);
        }
    }

    fn carry_out(&self, act: Act, pending: Option<Pending>, slots: &Slots) -> Result<Verdict, TrialError> {
        match (act, pending) {
            (Act::Keep, pending) => self.keep(pending, slots),
            (Act::RollBack(why), Some(pending)) => {
                self.records.set_pending(&Pending { condemned: Some(why.clone()), ..pending })?;
                self.rauc.mark("bad", "booted")?;
                if self.restart {
                    self.rauc.restart()?;
                }
                Ok(Verdict::RollingBack(why))
            }
            (Act::Stay(why), Some(pending)) => {
                let entry = Entry::of(&pending, Outcome::Failed, Some(why.clone()), Timestamp::now());
                self.records.conclude(entry)?;
                Ok(Verdict::Stayed(why))
            }
            (Act::Leave(why) | Act::RollBack(why) | Act::Stay(why), _) => Ok(Verdict::NotGood(why)),
        }
    }

    /// The boot loader's file is written only where it says something else.
    fn keep(&self, pending: Option<Pending>, slots: &Slots) -> Result<Verdict, TrialError> {
        let known = self.boot_loader.is_proved(&slots.booted.bootname) == Some(true);
        if !known || !slots.booted.good || pending.is_some() {
            self.rauc.mark("good", "booted")?;
            if let Err(why) = self.boot_loader.prove(&slots.booted.bootname) {
                tracing::warn!(why, "the slot keeps its count of attempts");
            }
        }
        let Some(pending) = pending else { return Ok(Verdict::Good) };
        self.records.conclude(Entry::of(&pending, Outcome::Proved, None, Timestamp::now()))?;
        Ok(Verdict::Proved(pending.version))
    }
}
