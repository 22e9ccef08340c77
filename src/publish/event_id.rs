//! Event ids of verdicts and alerts: what comes after what. Pure.
//!
//! ```text
//! <study key>-[<epoch>.]<revision>             a verdict
//! <study key>-[<epoch>.]<revision>-alert       its alert
//! <study key>-[<epoch>.]<revision>-alert-<n>   the same alert, sent for the n-th time
//! ```
//!
//! The epoch (hexadecimal) grows when a device had to start a new database; its revisions begin at 1 again.

/// Where an event stands in the story of its study; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventOrder {
    /// 0 for the first database of the device.
    pub epoch: u64,
    /// 1 for the first verdict.
    pub revision: u32,
    /// 1 for a verdict and for an alert that was sent once.
    pub sending: u32,
}

/// Event id of the alert that belongs to a verdict.
pub fn alert(verdict: &str) -> String {
    format!("{verdict}-alert")
}

/// Event id of an alert's `sending`-th sending.
pub fn alert_again(alert: &str, sending: u32) -> String {
    let verdict = alert.split_once("-alert").map_or(alert, |(verdict, _)| verdict);
    format!("{verdict}-alert-{sending}")
}

/// Where an event stands; `None` where the id is none of a verdict or an alert of `study_key`.
pub fn order(event_id: &str, study_key: &str) -> Option<EventOrder> {
    let rest = event_id.strip_prefix(study_key)?.strip_prefix('-')?;
    let (verdict, sending) = match rest.split_once("-alert") {
        None => (rest, 1),
        Some((verdict, "")) => (verdict, 1),
        Some((verdict, number)) => (verdict, number.strip_prefix('-')?.parse().ok()?),
    };
    let (epoch, revision) = verdict.split_once('.').unwrap_or(("0", verdict));
    Some(EventOrder { epoch: u64::from_str_radix(epoch, 16).ok()?, revision: revision.parse().ok()?, sending })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(event_id: &str) -> Option<(u64, u32, u32)> {
        order(event_id, "ab").map(|order| (order.epoch, order.revision, order.sending))
    }

    #[test]
    fn the_revision_of_every_kind_of_id_is_understood() {
        assert_eq!(of("ab-3"), Some((0, 3, 1)));
        assert_eq!(of("ab-3-alert"), Some((0, 3, 1)));
        assert_eq!(of("ab-3-alert-2"), Some((0, 3, 2)));
        assert_eq!(of("ab-67f0.12-alert-4"), Some((0x67f0, 12, 4)));
        for noise in ["ab", "ab-", "ab-one", "cd-1", "ab-1-alert-", "ab-1-alertx", "ab-1-image", "ab-1-acknowledged"] {
            assert_eq!(of(noise), None, "{noise}");
        }
    }

    #[test]
    fn a_new_database_comes_after_every_revision_of_the_old_one() {
        assert!(order("ab-1.1", "ab") > order("ab-99-alert-7", "ab"));
        assert!(order("ab-2", "ab") > order("ab-1-alert-3", "ab"));
    }

    #[test]
    fn a_sending_is_numbered_on_the_first_ones_id() {
        assert_eq!(alert_again(&alert("ab-3"), 2), "ab-3-alert-2");
        assert_eq!(alert_again("ab-3-alert-2", 3), "ab-3-alert-3");
    }
}
