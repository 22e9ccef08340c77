//! What a person at the device asked to see: takes in buttons and touches, hands on what the screen turns to. Pure.
//!
//! ```text
//!              Next                      Service (held)
//! automatic ─────────▶ page ─Next─▶ page ...   any ─────────▶ service
//!     ▲ 20 s, Acknowledge │                      any press, 90 s │
//!     └───────────────────┴──────────────────────────────────────┘
//! ```
//!
//! Never keeps a screen longer than its time: the device goes back to what it would show by itself. Never decides what an
//! acknowledgement means (see `controls`).

use std::sync::Arc;
use std::time::Duration;

use super::{DeviceState, StudyReport};

/// How long a page that was asked for stands.
pub const PAGE: Duration = Duration::from_secs(20);
/// How long the service screen stands.
pub const SERVICE: Duration = Duration::from_secs(90);

/// What a person does at the device, whatever with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The alarm was noticed.
    Acknowledge,
    /// The next of the studies that are held.
    Next,
    /// The service screen.
    Service,
}

/// What the screen turns to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// What [`super::decide`] finds most urgent.
    #[default]
    Automatic,
    /// One of the studies that are held.
    Page {
        /// Key of the study.
        study: Arc<str>,
        /// When the view is automatic again.
        until: Duration,
    },
    /// For the engineer.
    Service {
        /// When the view is automatic again.
        until: Duration,
    },
}

impl View {
    /// What it still is at `now`.
    pub fn at(&self, now: Duration) -> &Self {
        match self {
            Self::Page { until, .. } | Self::Service { until } if now >= *until => &Self::Automatic,
            view => view,
        }
    }
}

impl DeviceState {
    /// What the screen turns to at `now`.
    pub fn view(&self, now: Duration) -> &View {
        self.view.at(now)
    }

    /// Somebody has pressed a button, or touched the screen.
    pub fn press(&mut self, control: Control, now: Duration) {
        let before = self.view(now).clone();
        self.view = match (control, before) {
            (_, View::Service { .. }) | (Control::Acknowledge, _) => View::Automatic,
            (Control::Service, _) => View::Service { until: now + SERVICE },
            (Control::Next, before) => self.page_after(&before, now),
        };
    }

    /// The studies that can be paged through: while alerts are unacknowledged these only, so that no other study hides
    /// them; else every alert and every last result, newest first.
    pub fn pages(&self) -> Vec<&StudyReport> {
        let open: Vec<&StudyReport> = self.alerts().iter().filter(|alert| alert.acknowledged.is_none()).collect();
        if !open.is_empty() {
            return open;
        }
        let mut pages: Vec<&StudyReport> = self.alerts().iter().collect();
        for report in self.recent() {
            if !pages.iter().any(|page| page.study.key == report.study.key) {
                pages.push(report);
            }
        }
        pages
    }

    /// The study of the view, where it can be shown, and its place among [`Self::pages`].
    pub(super) fn page(&self, now: Duration) -> Option<(&StudyReport, usize, usize)> {
        let View::Page { study, .. } = self.view(now) else { return None };
        let pages = self.pages();
        let at = pages.iter().position(|page| page.study.key == *study)?;
        Some((pages[at], at, pages.len()))
    }

    /// The first page, the one after this one, or after the last one the automatic view. While alerts are
    /// unacknowledged, the first comes after the last: what is shown by itself is one of them.
    fn page_after(&self, before: &View, now: Duration) -> View {
        let pages = self.pages();
        let at = match before {
            View::Page { study, .. } => pages.iter().position(|page| page.study.key == *study).map_or(0, |at| at + 1),
            View::Automatic | View::Service { .. } => self.shown_by_itself(&pages, now).map_or(0, |at| at + 1),
        };
        let wraps = pages.first().is_some_and(|page| page.is_suspected() && page.acknowledged.is_none());
        let next = if wraps { pages.get(at).or(pages.first()) } else { pages.get(at) };
        next.map_or(View::Automatic, |page| View::Page { study: Arc::clone(&page.study.key), until: now + PAGE })
    }

    /// Which page is on the screen already: the press turns to the one after it.
    fn shown_by_itself(&self, pages: &[&StudyReport], now: Duration) -> Option<usize> {
        let shown = super::automatic(self, now).study()?;
        pages.iter().position(|page| page.study.key == shown.study.key)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::display::{Screen, decide, samples};

    const NOW: Duration = Duration::from_secs(4320);

    fn sample(name: &str) -> DeviceState {
        let mut state = samples::all().into_iter().find(|sample| sample.name == name).unwrap().state;
        state.beat(NOW + Duration::from_secs(3600));
        state
    }

    fn shown(state: &DeviceState, now: Duration) -> Option<String> {
        decide(state, now).study().map(|report| report.study.key.to_string())
    }

    #[test]
    fn next_turns_through_every_held_study_and_back_to_the_automatic_view() {
        let mut state = sample("idle");
        let keys: Vec<String> = state.pages().iter().map(|page| page.study.key.to_string()).collect();
        assert!(keys.len() >= 2, "the sample holds several studies");
        for key in &keys {
            state.press(Control::Next, NOW);
            assert_eq!(shown(&state, NOW).as_ref(), Some(key));
        }
        state.press(Control::Next, NOW);
        assert_eq!(decide(&state, NOW).name(), "idle");
    }

    #[test]
    fn a_page_is_left_when_its_time_is_over() {
        let mut state = sample("idle");
        state.press(Control::Next, NOW);
        assert_ne!(decide(&state, NOW + PAGE - Duration::from_millis(1)).name(), "idle");
        assert_ne!(shown(&state, NOW), None);
        assert_eq!(state.view(NOW + PAGE), &View::Automatic);
    }

    #[test]
    fn nothing_that_is_asked_for_hides_an_alert_that_nobody_has_acknowledged() {
        for control in [Control::Next, Control::Service, Control::Acknowledge] {
            for presses in 1..4 {
                let mut state = sample("suspected");
                samples::recent().into_iter().for_each(|report| state.report(report, NOW));
                (0..presses).for_each(|_| state.press(control, NOW));
                let Screen::Suspected { report, .. } = decide(&state, NOW) else { panic!("{control:?} hid the alert") };
                assert_eq!(report.acknowledged, None, "a press at the device acknowledges nothing for a clinic");
            }
        }
    }

    #[test]
    fn a_new_alert_comes_before_the_page_that_was_asked_for() {
        let mut state = sample("idle");
        state.press(Control::Next, NOW);
        let alert = sample("suspected").alerts()[0].clone();
        state.report(alert.clone(), NOW);
        assert_eq!(shown(&state, NOW), Some(alert.study.key.to_string()));
    }

    #[test]
    fn the_service_screen_is_held_open_by_nothing_and_any_press_closes_it() {
        let mut state = sample("idle");
        state.press(Control::Service, NOW);
        assert_eq!(decide(&state, NOW).name(), "service");
        assert_eq!(state.view(NOW + SERVICE), &View::Automatic);
        for control in [Control::Acknowledge, Control::Next, Control::Service] {
            let mut state = state.clone();
            state.press(control, NOW);
            assert_eq!(state.view(NOW), &View::Automatic, "{control:?}");
        }
    }
}
