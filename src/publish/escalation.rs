//! When an alert that nobody acknowledges is sent again, and how it says so. Pure: the time is an argument.
//!
//! ```text
//! sent ──broker takes it──▶ waits ──acknowledge_within passes──▶ sent again, one step more urgent ──▶ waits ...
//!   │                         └──acknowledged, retracted──▶ over
//!   └──broker does not take it: nothing here; the outbox keeps trying, and the screen says that it is not sent
//! ```
//!
//! Waiting is counted by the monotonic clock, as the wall clock may be wrong, and noted in the store now and then; time
//! in which the device was off does not count. After [`SENDINGS`] sendings the wire is left alone: the screen goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::payload::{TriagePayload, rfc3339};
use super::{Limits, Topics, event_id, events};
use crate::store::{OutboxMessage, StandingAlert};

/// An alert is sent so often at most: an hour at the default of 300 s.
pub const SENDINGS: u32 = 12;

/// Highest urgency.
pub const MOST_URGENT: u8 = 3;

/// What was waited is noted this often.
const NOTE: Duration = Duration::from_secs(15);

/// Urgency of an alert that was sent again so often.
pub fn urgency(sent_again: u32) -> u8 {
    u8::try_from(sent_again).unwrap_or(u8::MAX).saturating_add(1).min(MOST_URGENT)
}

/// What is to be done about an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send it again.
    SendAgain(StandingAlert),
    /// Note how long it has waited.
    Note {
        /// Which.
        event_id: String,
        /// How long.
        waited: Duration,
    },
}

/// How long each open alert has waited.
#[derive(Debug)]
pub struct Escalation {
    within: Option<Duration>,
    clocks: BTreeMap<String, Clock>,
}

#[derive(Debug)]
struct Clock {
    waited: Duration,
    noted: Duration,
    sent_again: u32,
    looked: Duration,
}

impl Escalation {
    /// An alert is sent again when nobody has acknowledged it after so long; never for zero.
    pub fn new(within: Duration) -> Self {
        Self { within: (!within.is_zero()).then_some(within), clocks: BTreeMap::new() }
    }

    /// Looks at the alerts that nobody has acknowledged.
    pub fn look(&mut self, open: &[StandingAlert], now: Duration) -> Vec<Step> {
        let Some(within) = self.within else { return Vec::new() };
        self.clocks.retain(|study, _| open.iter().any(|alert| alert.study_key == *study));
        open.iter().filter_map(|alert| self.step(alert, within, now)).collect()
    }

    fn step(&mut self, alert: &StandingAlert, within: Duration, now: Duration) -> Option<Step> {
        let start = || Clock { waited: alert.waited, noted: alert.waited, sent_again: alert.sent_again, looked: now };
        let clock = self.clocks.entry(alert.study_key.clone()).or_insert_with(start);
        if clock.sent_again != alert.sent_again {
            *clock = start();
        }
        if alert.delivered {
            clock.waited += now.saturating_sub(clock.looked);
        }
        clock.looked = now;
        if !alert.delivered || alert.sent_again + 1 >= SENDINGS {
            return None;
        }
        if clock.waited >= within {
            return Some(Step::SendAgain(alert.clone()));
        }
        if clock.waited >= clock.noted + NOTE {
            clock.noted = clock.waited;
            return Some(Step::Note { event_id: alert.event_id.clone(), waited: clock.waited });
        }
        None
    }
}

/// The message that sends an alert again: what it says stands, its id is new, it supersedes the last sending and is one
/// step more urgent. `at` where the clock is trusted.
///
/// # Errors
/// When the payload in the store is none.
pub fn again(
    alert: &StandingAlert,
    topics: &Topics,
    limits: &Limits,
    at: Option<Timestamp>,
) -> Result<OutboxMessage, serde_json::Error> {
    let last: TriagePayload = serde_json::from_slice(&alert.payload)?;
    let sent_again = alert.sent_again + 1;
    let payload = TriagePayload {
        event_id: event_id::alert_again(&alert.event_id, sent_again + 1),
        supersedes: Some(alert.event_id.clone()),
        urgency: Some(urgency(sent_again)),
        sent_again: Some(sent_again),
        ..last
    };
    Ok(events::alert_at(payload, topics, limits, at.map(rfc3339)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::samples::{at, context, suspected, topics};
    use super::*;
    use crate::store::{NextRevision, SeriesAssessment};
    use crate::triage::{Level, Revision};

    const WITHIN: Duration = Duration::from_secs(300);

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn alert(sent_again: u32, delivered: bool) -> StandingAlert {
        let next = NextRevision {
            study_key: "k".into(),
            revision: 1,
            event_id: "k-1".into(),
            previous: None,
            series: vec![SeriesAssessment { series_key: "s".into(), assessment: suspected(&[Level::C2]) }],
            alert: None,
        };
        let told = events::tell(&next, &topics(), &Limits::default(), &context()).unwrap();
        StandingAlert {
            study_key: "k".into(),
            event_id: told.messages[1].event_id.clone(),
            payload: told.messages[1].payload.clone(),
            sent_again,
            waited: Duration::ZERO,
            open: true,
            delivered,
        }
    }

    /// Looks once a second from 1 to `until`; when it was sent again.
    fn times(escalation: &mut Escalation, alert: &mut StandingAlert, until: u64) -> Vec<u64> {
        let mut times = vec![];
        for second in 1..=until {
            for step in escalation.look(std::slice::from_ref(alert), secs(second)) {
                match step {
                    Step::SendAgain(_) => {
                        times.push(second);
                        (alert.sent_again, alert.waited) = (alert.sent_again + 1, Duration::ZERO);
                    }
                    Step::Note { waited, .. } => alert.waited = waited,
                }
            }
        }
        times
    }

    #[test]
    fn an_alert_is_sent_again_every_period_and_never_without_end() {
        let mut escalation = Escalation::new(WITHIN);
        let sent = times(&mut escalation, &mut alert(0, true), 20_000);
        assert_eq!(sent[..3], [301, 602, 903]);
        assert_eq!(sent.len(), 11, "twelve sendings in all");
    }

    #[test]
    fn urgency_rises_to_three() {
        assert_eq!([0, 1, 2, 3, 4000].map(urgency), [1, 2, 3, 3, 3]);
    }

    #[test]
    fn what_the_broker_has_not_taken_is_not_sent_again() {
        let mut escalation = Escalation::new(WITHIN);
        assert_eq!(times(&mut escalation, &mut alert(0, false), 1000), [0; 0]);
        let steps = escalation.look(&[alert(0, true)], secs(1001));
        assert_eq!(steps, [], "the time before does not count");
    }

    #[test]
    fn zero_switches_it_off() {
        assert_eq!(times(&mut Escalation::new(Duration::ZERO), &mut alert(0, true), 1000), [0; 0]);
    }

    #[test]
    fn what_was_waited_before_a_restart_counts() {
        let mut before = alert(0, true);
        assert_eq!(times(&mut Escalation::new(WITHIN), &mut before, 290), [0; 0]);
        assert!(before.waited >= secs(270), "{:?}", before.waited);
        let sent = times(&mut Escalation::new(WITHIN), &mut before, 60);
        assert!(sent[0] <= 31, "{sent:?}");
    }

    #[test]
    fn an_acknowledgement_ends_it_and_a_later_alert_starts_anew() {
        let mut escalation = Escalation::new(WITHIN);
        times(&mut escalation, &mut alert(0, true), 250);
        assert_eq!(escalation.look(&[], secs(251)), []);
        assert_eq!(escalation.look(&[alert(0, true)], secs(310)), []);
        assert_eq!(escalation.look(&[alert(0, true)], secs(500)).len(), 1, "a note");
    }

    #[test]
    fn it_says_the_same_more_urgently_and_supersedes_the_last_sending() {
        let first = alert(0, true);
        let message = again(&first, &topics(), &Limits::default(), Some(at())).unwrap();
        let payload: TriagePayload = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!((message.event_id.as_str(), payload.supersedes.as_deref()), ("k-1-alert-2", Some("k-1-alert")));
        assert_eq!((payload.urgency, payload.sent_again, payload.change), (Some(2), Some(1), Revision::First));
        assert_eq!(message.properties.correlation_data.as_deref(), Some("k-1-alert-2"));
        let before: TriagePayload = serde_json::from_slice(&first.payload).unwrap();
        assert_eq!((payload.findings, payload.timings), (before.findings, before.timings));
    }
}
