//! Whether a new system may stay. Pure: what is on record, what is booted and what the daemon says of itself in; what is
//! to be done out. Time is the time since the boot.
//!
//! ```text
//!              ┌ booted the new slot ─▶ watch ─ good for a settled time ─▶ proved
//! pending ─────┤                          └ bad, or silent to the limit ─▶ condemned, into the other slot ─┐
//!              └ booted the old slot ─▶ rolled back: condemned, or attempts used up ◀──────────────────────┘
//! no pending ──▶ watch ─ good ─▶ mark good; otherwise nothing, and never a restart
//! ```
//!
//! Share and broker are not looked at: a pulled cable must not roll an update back.

use std::time::Duration;

use super::rauc::Slots;
use super::record::{Outcome, Pending};
use crate::health::Standing;

/// A standing older than this is of a daemon that no longer runs.
const STALE: Duration = Duration::from_secs(15);
/// A running daemon that is bad for this long without a break does not become good by waiting.
const BAD_FOR: Duration = Duration::from_secs(30);

/// What this boot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The first of a new system, or of one without a record: it is watched.
    OnTrial(Option<Pending>),
    /// The update is written and waits for the restart, which has not been yet: this is still the boot that asked for it.
    BeforeRestart,
    /// An update has ended without proving itself: what is to be recorded.
    Ended(Pending, Outcome, String),
}

/// What this boot is, by the record and the booted slot.
pub fn boot(pending: Option<Pending>, slots: &Slots, boot_id: &str) -> Boot {
    let Some(pending) = pending else { return Boot::OnTrial(None) };
    let new_system = pending.to_slot == slots.booted.name;
    if pending.boot_id == boot_id && !boot_id.is_empty() {
        return Boot::BeforeRestart;
    }
    match (new_system, pending.written, &pending.condemned) {
        (true, ..) => Boot::OnTrial(Some(pending)),
        (false, _, Some(why)) => {
            let why = why.clone();
            Boot::Ended(pending, Outcome::RolledBack, why)
        }
        (false, true, None) => {
            let why = "attempts used up before the new system had proved itself".to_owned();
            Boot::Ended(pending, Outcome::RolledBack, why)
        }
        (false, false, None) => {
            let why = "the power was lost before all was written".to_owned();
            Boot::Ended(pending, Outcome::Failed, why)
        }
    }
}

/// What the watch has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not yet known.
    Wait,
    /// Good for the settled time.
    Good,
    /// Not good, and why.
    Bad(String),
}

/// How long it takes to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Good for so long without a break is proved.
    pub settled: Duration,
    /// Not proved after so long is bad.
    pub limit: Duration,
}

/// A time without a break, by the daemon's own word: its silence proves nothing.
#[derive(Clone, Copy, Debug)]
struct Spell {
    good: bool,
    /// The start of the process.
    started_secs: u64,
    from_secs: u64,
    to_secs: u64,
}

/// Watches the daemon's standing.
#[derive(Clone, Debug)]
pub struct Watch {
    limits: Limits,
    began: Duration,
    /// What the daemon says without a break.
    spell: Option<Spell>,
    last: String,
}

impl Watch {
    /// From `now` on.
    pub fn new(limits: Limits, now: Duration) -> Self {
        let last = "the program has not said how it stands".to_owned();
        Self { limits, began: now, spell: None, last }
    }

    /// Takes in what the daemon says at `now`; a program that was started again begins anew.
    pub fn observe(&mut self, standing: Option<&Standing>, now: Duration) -> Judgement {
        let fresh = standing.filter(|s| now.saturating_sub(Duration::from_secs(s.uptime_secs)) <= STALE);
        match (fresh, standing) {
            (Some(standing), _) => self.hear(standing),
            (None, Some(_)) => {
                self.spell = None;
                "the program has stopped saying how it stands".clone_into(&mut self.last);
            }
            (None, None) => self.spell = None,
        }
        let spell = self.spell.map(|spell| (spell.good, Duration::from_secs(spell.to_secs - spell.from_secs)));
        match spell {
            Some((true, lasted)) if lasted >= self.limits.settled => Judgement::Good,
            Some((false, lasted)) if lasted >= BAD_FOR => Judgement::Bad(self.last.clone()),
            _ if now.saturating_sub(self.began) >= self.limits.limit => Judgement::Bad(self.last.clone()),
            _ => Judgement::Wait,
        }
    }

    fn hear(&mut self, standing: &Standing) {
        let fault = standing.fault();
        let (good, started_secs, now) = (fault.is_none(), standing.started_secs, standing.uptime_secs);
        let goes_on = |spell: &Spell| spell.good == good && spell.started_secs == started_secs;
        let from_secs = self.spell.filter(goes_on).map_or(now, |spell| spell.from_secs.min(now));
        self.spell = Some(Spell { good, started_secs, from_secs, to_secs: now });
        if let Some(fault) = fault {
            self.last = fault;
        }
    }
}

/// What is done with a system that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Mark the booted slot good; record that the update is proved, where there was one.
    Keep,
    /// Record the reason, mark the booted slot bad and restart into the other.
    RollBack(String),
    /// There is nowhere to go back to, or going back has failed: stay, record the reason, say so.
    Stay(String),
    /// Not good, and no update to undo: do nothing.
    Leave(String),
}

/// What follows from the judgement; `None` while it waits.
pub fn act(judgement: Judgement, pending: Option<&Pending>, slots: &Slots) -> Option<Act> {
    let why = match judgement {
        Judgement::Wait => return None,
        Judgement::Good => return Some(Act::Keep),
        Judgement::Bad(why) => why,
    };
    Some(match pending {
        None => Act::Leave(why),
        Some(Pending { condemned: Some(_), .. }) => {
            Act::Stay(format!("{why}; the other slot was chosen and did not start"))
        }
        Some(_) if !slots.other.good => Act::Stay(format!("{why}; the other slot is not good either")),
        Some(_) => Act::RollBack(why),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::super::rauc::Slot;
    use super::super::record::Source;
    use super::*;

    fn slots(booted: usize, other_good: bool) -> Slots {
        let slot = |number: usize, good| Slot {
            name: format!("rootfs.{number}"),
            bootname: ["A", "B"][number].into(),
            booted: number == booted,
            good,
            version: None,
        };
        Slots { booted: slot(booted, true), other: slot(1 - booted, other_good) }
    }

    fn pending() -> Pending {
        Pending {
            version: "0.2.0".into(),
            bundle: String::new(),
            from_slot: "rootfs.0".into(),
            to_slot: "rootfs.1".into(),
            source: Source::Stick,
            reference: None,
            boot_id: "before".into(),
            at: Timestamp::UNIX_EPOCH,
            written: true,
            condemned: None,
        }
    }

    #[test]
    fn what_a_boot_is_follows_from_the_record_and_the_slot() {
        let ended = |boot| match boot {
            Boot::Ended(_, outcome, why) => (outcome, why),
            other => panic!("{other:?}"),
        };
        assert_eq!(boot(None, &slots(0, true), "now"), Boot::OnTrial(None));
        assert_eq!(boot(Some(pending()), &slots(1, true), "now"), Boot::OnTrial(Some(pending())));
        assert_eq!(boot(Some(pending()), &slots(0, true), "before"), Boot::BeforeRestart);
        let (outcome, why) = ended(boot(Some(pending()), &slots(0, true), "now"));
        assert!(outcome == Outcome::RolledBack && why.starts_with("attempts used up"), "{why}");
        let condemned = Pending { condemned: Some("models: refused".into()), ..pending() };
        let told = ended(boot(Some(condemned), &slots(0, true), "now"));
        assert_eq!(told, (Outcome::RolledBack, "models: refused".into()));
        let torn = Pending { written: false, ..pending() };
        assert_eq!(ended(boot(Some(torn.clone()), &slots(0, true), "now")).0, Outcome::Failed);
        // RAUC had activated the slot, and the power was cut before it was on record
        assert_eq!(boot(Some(torn.clone()), &slots(1, true), "now"), Boot::OnTrial(Some(torn)));
    }

    fn standing(now: u64, started: u64, fault: Option<&str>) -> Standing {
        let good = || "good".to_owned();
        Standing {
            version: "0.2.0".into(),
            boot_id: None,
            started_secs: started,
            uptime_secs: now,
            ready: true,
            screen: good(),
            models: fault.map_or_else(good, str::to_owned),
            store: good(),
        }
    }

    /// Watches second by second from 10 on; what was judged, and when.
    fn judged(says: impl Fn(u64) -> Option<Standing>) -> (u64, Judgement) {
        let limits = Limits { settled: Duration::from_secs(20), limit: Duration::from_secs(300) };
        let mut watch = Watch::new(limits, Duration::from_secs(10));
        (10..1000)
            .map(|now| (now, watch.observe(says(now).as_ref(), Duration::from_secs(now))))
            .find(|(_, judgement)| *judgement != Judgement::Wait)
            .unwrap()
    }

    #[test]
    fn good_for_the_settled_time_is_good() {
        let says = |now| (now >= 15).then(|| standing(now / 3 * 3, 12, None));
        assert_eq!(judged(says), (36, Judgement::Good));
    }

    #[test]
    fn a_break_begins_anew() {
        let says = |now| Some(standing(now, 5, (now == 25).then_some("a slice took too long")));
        assert_eq!(judged(says), (46, Judgement::Good));
    }

    #[test]
    fn a_program_that_starts_again_and_again_is_never_good() {
        let (at, judgement) = judged(|now| Some(standing(now, now / 15 * 15, None)));
        assert!(at == 310 && matches!(judgement, Judgement::Bad(_)), "{at} {judgement:?}");
    }

    #[test]
    fn a_self_test_that_fails_is_bad_long_before_the_limit_and_names_itself() {
        let (at, judgement) = judged(|now| Some(standing(now, 5, Some("detector 1 is refused"))));
        assert_eq!((at, judgement), (40, Judgement::Bad("models: detector 1 is refused".into())));
    }

    #[test]
    fn a_program_that_says_nothing_or_stops_saying_is_bad_at_the_limit() {
        let (at, judgement) = judged(|_| None);
        assert_eq!((at, judgement), (310, Judgement::Bad("the program has not said how it stands".into())));
        let (at, judgement) = judged(|now| (now > 12).then(|| standing(now.min(30), 12, None)));
        let stopped = Judgement::Bad("the program has stopped saying how it stands".into());
        assert_eq!((at, judgement), (310, stopped));
    }

    #[test]
    fn only_an_update_is_undone_and_only_into_a_slot_that_is_good() {
        let bad = || Judgement::Bad("store".into());
        let (update, here) = (pending(), slots(1, true));
        assert_eq!(act(Judgement::Wait, Some(&update), &here), None);
        assert_eq!(act(Judgement::Good, Some(&update), &here), Some(Act::Keep));
        assert_eq!(act(Judgement::Good, None, &here), Some(Act::Keep));
        assert_eq!(act(bad(), Some(&update), &here), Some(Act::RollBack("store".into())));
        assert_eq!(act(bad(), None, &here), Some(Act::Leave("store".into())), "never a restart without an update");
        assert!(matches!(act(bad(), Some(&update), &slots(1, false)), Some(Act::Stay(_))));
        let condemned = Pending { condemned: Some("store".into()), ..pending() };
        assert!(matches!(act(bad(), Some(&condemned), &here), Some(Act::Stay(_))), "never a second restart");
    }
}
