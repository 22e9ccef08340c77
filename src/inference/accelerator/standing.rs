//! What is thought of the accelerator: events in, whether it is used and what to tell out. No clock, no thread.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::inference::{EngineError, GoldenFault, GoldenReport};

/// Slices that may fail before the accelerator is not asked any more.
const MOST_FAILURES: u32 = 3;

/// Why the accelerator gave no answer for an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Silence {
    /// None within this time. The call may never return.
    Overdue(Duration),
    /// It failed, or the answer cannot be one.
    Failed(EngineError),
    /// Its thread is gone.
    Ended,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overdue(deadline) => write!(f, "no answer within {} ms", deadline.as_millis()),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Ended => write!(f, "its thread has ended"),
        }
    }
}

/// What the golden cases say of one network on the accelerator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trial {
    /// Right, and fast enough.
    Proven,
    /// Right, but this network is better off on the processor. Holds why.
    Slow(String),
    /// Another network, or none: nothing that this accelerator computes is to be trusted. Holds why.
    Wrong(String),
}

/// `ratio`: the share of the processor's time for a golden case that the accelerator may take.
pub(super) fn judge(processor: Duration, accelerator: Result<&GoldenReport, &GoldenFault>, ratio: f64) -> Trial {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    match accelerator {
        Err(fault) => Trial::Wrong(fault.to_string()),
        Ok(report) if millis(report.per_case) > millis(processor) * ratio => Trial::Slow(format!(
            "{:.1} ms a golden case, {:.1} on the processor; accelerator.slowest_ratio is {ratio}",
            millis(report.per_case),
            millis(processor)
        )),
        Ok(_) => Trial::Proven,
    }
}

/// ```text
/// trusted ── slow network ──▶ trusted, with a fault       (that network stays on the processor)
/// trusted ── a slice fails ─▶ trusted, with a fault ── third failure ─┐
/// trusted ── wrong, not loadable, overdue ────────────────────────────┴▶ given up, until the next start
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    given_up: bool,
    fault: Option<String>,
    failures: u32,
    proven: Vec<String>,
}

impl Standing {
    /// Whether it may be asked.
    pub const fn is_trusted(&self) -> bool {
        !self.given_up
    }

    /// What is wrong, in one line; `None` when nothing is.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// One line for each network that runs on it.
    pub fn proven(&self) -> &[String] {
        &self.proven
    }

    /// A network runs on it; `line` says which and how fast.
    pub fn proves(&mut self, line: String) {
        self.proven.push(line);
    }

    /// A network is too slow on it and stays on the processor.
    pub fn slow(&mut self, network: &str, why: &str) {
        self.fault.get_or_insert_with(|| format!("slow on {network}: {why}"));
    }

    /// It cannot be used at all.
    pub fn refuse(&mut self, why: &str) {
        self.give_up(format!("refused: {why}"));
    }

    /// It gave no answer for a slice, which the processor then analysed.
    pub fn silent(&mut self, silence: &Silence) {
        if self.given_up {
            return;
        }
        self.failures += 1;
        let slices = if self.failures == 1 { "a slice" } else { "slices" };
        match silence {
            Silence::Failed(error) if self.failures < MOST_FAILURES => {
                self.fault = Some(format!("failed on {slices}: {error}"));
            }
            Silence::Failed(error) => self.give_up(format!("given up after {} failures: {error}", self.failures)),
            Silence::Overdue(_) | Silence::Ended => self.give_up(format!("given up: {silence}")),
        }
    }

    /// The first reason stays: what comes after it follows from it.
    fn give_up(&mut self, why: String) {
        if !self.given_up {
            self.given_up = true;
            self.proven.clear();
            self.fault = Some(why);
        }
    }
}

/// The standing of the device's accelerator, shared by all threads and by health.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Standing>);

impl Watch {
    /// As it is now.
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Whether it may be asked.
    pub fn is_trusted(&self) -> bool {
        self.lock().is_trusted()
    }

    /// What is wrong, in one line; `None` when nothing is.
    pub fn fault(&self) -> Option<String> {
        self.lock().fault().map(str::to_owned)
    }

    /// Lets something happen to it, and logs what that changed.
    pub(super) fn tell(&self, event: impl FnOnce(&mut Standing)) {
        let mut standing = self.lock();
        let before = standing.fault.clone();
        event(&mut standing);
        if let Some(fault) = standing.fault().filter(|fault| before.as_deref() != Some(*fault)) {
            tracing::error!("accelerator {fault}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn report(per_case: Duration) -> GoldenReport {
        GoldenReport { cases: 4, max_difference: 0.01, tolerance: 0.05, per_case }
    }

    fn failed() -> Silence {
        Silence::Failed(EngineError::Output("NaN as an output".to_owned()))
    }

    #[test]
    fn as_fast_as_allowed_is_fast_enough() {
        let trial = |accelerator: u64, ratio| {
            judge(Duration::from_millis(40), Ok(&report(Duration::from_millis(accelerator))), ratio)
        };
        assert_eq!((trial(40, 1.0), trial(10, 0.25)), (Trial::Proven, Trial::Proven));
        let why = "11.0 ms a golden case, 40.0 on the processor; accelerator.slowest_ratio is 0.25";
        assert_eq!(trial(11, 0.25), Trial::Slow(why.to_owned()));
        assert!(matches!(trial(41, 1.0), Trial::Slow(_)));
    }

    #[test]
    fn a_golden_case_that_does_not_hold_is_wrong_however_fast() {
        let fault = GoldenFault::Different { case: 1, difference: 0.3, tolerance: 0.05 };
        let Trial::Wrong(why) = judge(SECOND, Err(&fault), 100.0) else { panic!("must be wrong") };
        assert!(why.starts_with("golden case 1 differs by 0.3000"), "{why}");
    }

    #[test]
    fn a_slow_network_is_told_and_the_others_stay() {
        let mut standing = Standing::default();
        standing.proves("detector".to_owned());
        standing.slow("classifier", "9 ms");
        assert!(standing.is_trusted() && standing.proven() == ["detector"]);
        assert_eq!(standing.fault(), Some("slow on classifier: 9 ms"));
    }

    #[test]
    fn a_late_answer_is_the_last_one_that_is_waited_for() {
        let mut standing = Standing::default();
        standing.proves("detector".to_owned());
        standing.silent(&Silence::Overdue(SECOND));
        assert!(!standing.is_trusted() && standing.proven().is_empty());
        assert_eq!(standing.fault(), Some("given up: no answer within 1000 ms"));
        standing.silent(&failed());
        assert_eq!(standing.fault(), Some("given up: no answer within 1000 ms"), "the first reason stays");
    }

    #[test]
    fn a_failure_is_told_at_once_and_the_third_is_the_last() {
        let mut standing = Standing::default();
        standing.silent(&failed());
        assert_eq!(standing.fault(), Some("failed on a slice: model gave NaN as an output"));
        standing.silent(&failed());
        assert!(standing.is_trusted());
        standing.silent(&failed());
        assert!(!standing.is_trusted());
        assert_eq!(standing.fault(), Some("given up after 3 failures: model gave NaN as an output"));
    }

    #[test]
    fn a_thread_that_has_ended_is_not_asked_again() {
        let mut standing = Standing::default();
        standing.silent(&Silence::Ended);
        assert!(!standing.is_trusted());
    }
}
