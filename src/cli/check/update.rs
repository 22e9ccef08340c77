//! How the last update ended, and whether one waits. The updater's records in, an outcome out.

use super::{Ill, Outcome, Part};
use crate::appliance::last_update;
use crate::config::Settings;
use crate::update::{Outcome as Ended, Records};

/// Looks at the records.
pub fn look(settings: &Settings, tell: &mut dyn FnMut(Part)) {
    tell(Part::new("update", update(&Records::within(&settings.state.dir))));
}

fn update(records: &Records) -> Outcome {
    let unreadable = |error: crate::update::RecordError| {
        Ill::new(error.to_string(), "the file is not whole: remove it; spinewatch update status shows what is left")
    };
    let pending = records.pending().map_err(unreadable)?;
    let last = last_update(records);
    if let Some(pending) = pending {
        let version = &pending.version;
        return match (&pending.condemned, pending.written) {
            (Some(why), _) => {
                Err(Ill::new(format!("{version} is to be rolled back: {why}"), "restart, then install another bundle"))
            }
            (None, true) => Ok(format!("{version} is written and waits for its proof after a restart")),
            (None, false) => Ok(format!("{version} is being written")),
        };
    }
    match records.history().last().map(|entry| entry.outcome) {
        Some(Ended::RolledBack | Ended::Failed) => {
            let cure = "spinewatch update status has all of it; send a support bundle, then install another bundle";
            Err(Ill::new(last.unwrap_or_default(), cure))
        }
        _ => Ok(last.unwrap_or_else(|| "none yet".into())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::update::{Entry, Pending, Source};

    fn pending() -> Pending {
        Pending {
            version: "0.2.0".into(),
            bundle: "ab".repeat(32),
            from_slot: "rootfs.0".into(),
            to_slot: "rootfs.1".into(),
            source: Source::Stick,
            reference: None,
            boot_id: "b".into(),
            at: Timestamp::UNIX_EPOCH,
            written: true,
            condemned: None,
        }
    }

    #[test]
    fn an_update_that_waits_was_proved_or_was_rolled_back_is_told_apart() {
        let state = tempfile::tempdir().unwrap();
        let records = Records::within(state.path());
        assert_eq!(update(&records).unwrap(), "none yet");
        records.set_pending(&pending()).unwrap();
        assert!(update(&records).unwrap().contains("waits for its proof"));
        records.set_pending(&Pending { condemned: Some("no screen".into()), ..pending() }).unwrap();
        assert!(update(&records).unwrap_err().what.contains("rolled back: no screen"));
        records.conclude(Entry::of(&pending(), Ended::Proved, None, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(update(&records).unwrap(), "0.2.0 proved on 1970-01-01");
        let why = Some("the models do not hold".to_owned());
        records.append(Entry::of(&pending(), Ended::RolledBack, why, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(update(&records).unwrap_err().what, "0.2.0 rolled back: the models do not hold");
        std::fs::write(state.path().join("update/pending.json"), "{").unwrap();
        assert!(update(&records).unwrap_err().what.contains("pending.json"));
    }
}
