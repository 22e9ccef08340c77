//! The life of an action: what is remembered, what the server offers and what the installer's records say in; the next move
//! out. Pure.
//!
//! Two rules stand above the rest. Success is said only where the records say [`Standing::Proved`], or of models that are in
//! force. And the installer is called only where the records do not say that it has been through with this action.

use super::ddi::Offer;
use super::device::Standing;
use super::feedback::{Execution, Feedback};
use super::item::Item;
use super::record::{Action, Outcome, Record, Stage};

/// An installation that was interrupted so often is given up.
const TRIES: u32 = 3;

/// What is known in one round.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The server's answer; absent while it was not asked.
    pub(super) offer: Option<Offer>,
    /// The description of the offered action; absent while it was not asked for.
    pub(super) described: Option<Described>,
    /// Of the remembered action.
    pub(super) standing: Standing,
    /// The device may give the consent that the server asks for.
    pub(super) confirms: bool,
}

/// An offered action.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// May be downloaded now.
    pub(super) download: bool,
    /// May be installed now.
    pub(super) install: bool,
    /// What, and where it lies; or why the device cannot carry it out.
    pub(super) item: Result<(Item, String), String>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Nothing until the next round.
    Rest,
    /// Ask the server what it offers.
    Poll,
    /// Ask what the offered action is about.
    Describe(String),
    /// Give the consent that the server asks for.
    Confirm(String),
    /// Remember the offered action, see [`begin`].
    Begin(String),
    /// Forget the action: the server offers it no more.
    Drop,
    /// Tell the server of the stage.
    Tell(Feedback),
    /// Get the file, or the rest of it.
    Download,
    /// Call the installer.
    Install,
    /// The action is further than was remembered.
    Become(Stage),
    /// Restart the device.
    Restart,
    /// Tell the server how it ended, then remember it as the last.
    Report(Outcome),
    /// The action is given up.
    AcceptCancel(String),
    /// It cannot be given up any more.
    RejectCancel(String),
}

/// The next move.
pub(super) fn next(record: &Record, seen: &Seen) -> Move {
    match &record.action {
        None => idle(seen),
        Some(action) => match &action.stage {
            Stage::Downloading | Stage::Downloaded => before_installation(action, seen),
            Stage::Installing => interrupted(action, &seen.standing),
            Stage::Proving => proving(action, seen),
            Stage::Finished(outcome) => finished(action, outcome, seen),
        },
    }
}

fn idle(seen: &Seen) -> Move {
    let Some(offer) = &seen.offer else { return Move::Poll };
    if let Some(id) = &offer.cancel {
        return Move::AcceptCancel(id.clone());
    }
    match (&offer.confirmation, &offer.deployment) {
        (Some(id), _) if seen.confirms => Move::Confirm(id.clone()),
        (None, Some(id)) if seen.described.is_some() => Move::Begin(id.clone()),
        (None, Some(id)) => Move::Describe(id.clone()),
        _ => Move::Rest,
    }
}

/// Nothing was written: the server may take the action back.
fn before_installation(action: &Action, seen: &Seen) -> Move {
    let Some(offer) = &seen.offer else { return Move::Poll };
    if offer.cancel.as_ref() == Some(&action.id) {
        return Move::AcceptCancel(action.id.clone());
    }
    if offer.deployment.as_ref() != Some(&action.id) {
        return Move::Drop;
    }
    let Some(described) = &seen.described else { return Move::Describe(action.id.clone()) };
    if described.item.as_ref().ok().map(|(item, _)| item) != action.item.as_ref() {
        return Move::Begin(action.id.clone());
    }
    let whole = action.stage == Stage::Downloaded;
    match (whole, action.told) {
        (false, _) if !described.download => Move::Rest,
        (false, false) => Move::Tell(told(action, Execution::Download, "the download begins")),
        (false, true) => Move::Download,
        (true, false) => Move::Tell(told(action, Execution::Downloaded, "downloaded, its SHA-256 is right")),
        (true, true) if described.install => Move::Install,
        (true, true) => Move::Rest,
    }
}

/// The installer was called, and nobody is left who knows what it answered.
fn interrupted(action: &Action, standing: &Standing) -> Move {
    let why = match standing {
        Standing::Written { .. } => return Move::Become(Stage::Proving),
        Standing::Proved => return Move::Become(proved(action)),
        Standing::RolledBack(why) => return Move::Become(rolled_back(why)),
        Standing::Ended(why) => return Move::Become(Stage::Finished(Outcome::failure(why))),
        Standing::Failed(why) => why.as_str(),
        Standing::Unknown | Standing::Begun => "the device was switched off, or the updater ended",
    };
    if action.tries < TRIES {
        Move::Become(Stage::Downloaded)
    } else {
        let why = format!("the installation was interrupted {} times: {why}", action.tries);
        Move::Become(Stage::Finished(Outcome::failure(why)))
    }
}

fn proving(action: &Action, seen: &Seen) -> Move {
    match &seen.standing {
        Standing::Proved => Move::Become(proved(action)),
        Standing::RolledBack(why) => Move::Become(rolled_back(why)),
        Standing::Ended(why) | Standing::Failed(why) => Move::Become(Stage::Finished(Outcome::failure(why))),
        Standing::Unknown => {
            let why = "the installer's records do not say how it ended: it does not count as a success";
            Move::Become(Stage::Finished(Outcome::failure(why)))
        }
        Standing::Written { restarted: false } if !action.told => {
            Move::Tell(told(action, Execution::Proceeding, "installed; the restart decides whether it stays"))
        }
        Standing::Written { restarted: false } => Move::Restart,
        Standing::Begun | Standing::Written { restarted: true } => match &seen.offer {
            None => Move::Poll,
            Some(offer) => rejection(action, offer).unwrap_or(Move::Rest),
        },
    }
}

fn finished(action: &Action, outcome: &Outcome, seen: &Seen) -> Move {
    match &seen.offer {
        None => Move::Poll,
        Some(offer) => rejection(action, offer).unwrap_or_else(|| Move::Report(outcome.clone())),
    }
}

fn rejection(action: &Action, offer: &Offer) -> Option<Move> {
    (offer.cancel.as_ref() == Some(&action.id)).then(|| Move::RejectCancel(action.id.clone()))
}

fn told(action: &Action, execution: Execution, words: &str) -> Feedback {
    Feedback::on_the_way(execution, format!("{}: {words}", what(action)))
}

fn proved(action: &Action) -> Stage {
    let words = format!("{}: restarted, and the new system has proved itself", what(action));
    Stage::Finished(Outcome::success(words))
}

fn rolled_back(why: &str) -> Stage {
    Stage::Finished(Outcome::failure(format!("rolled back: {why}")))
}

fn what(action: &Action) -> &str {
    action.item.as_ref().map_or("an update", |item| &item.what)
}

/// The record of an action that the server offers. What was told before is told again; what the installer's records know is
/// taken from them, as the device's own record may have been lost.
pub(super) fn begin(record: &Record, id: &str, described: &Described, standing: &Standing) -> Record {
    let (item, stage) = match &described.item {
        Err(why) => (None, Stage::Finished(Outcome::failure(why))),
        Ok((item, _)) => (Some(item.clone()), Stage::Downloading),
    };
    let mut action = Action { id: id.to_owned(), item, stage, told: false, tries: 0 };
    if let Some(last) = record.last.as_ref().filter(|last| last.id == id && last.sha256 == action.sha256()) {
        action.stage = Stage::Finished(last.outcome.clone());
    } else if action.item.is_some() {
        action.stage = match standing {
            Standing::Written { .. } => Stage::Proving,
            Standing::Proved => proved(&action),
            Standing::RolledBack(why) => rolled_back(why),
            Standing::Ended(why) => Stage::Finished(Outcome::failure(why)),
            Standing::Unknown | Standing::Begun | Standing::Failed(_) => Stage::Downloading,
        };
    }
    Record { action: Some(action), ..record.clone() }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
