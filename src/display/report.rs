//! What the screen knows of one study: its name without identity, its assessment, its picture, who has seen it.
//!
//! Never holds a patient's name, a UID or any free text of a header.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;

use super::Words;
use crate::triage::{Assessment, BestSlice, Level, Verdict};

/// When something happened, on the process's own clock; knows what passed before the process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    at: Duration,
    before: Duration,
    at_least: bool,
}

impl Since {
    /// Something that happened at `at` of this process's clock.
    pub const fn new(at: Duration) -> Self {
        Self { at, before: Duration::ZERO, at_least: false }
    }

    /// Something that was already `age` old at `at`: read back from the database after a restart.
    pub const fn aged(at: Duration, age: Duration) -> Self {
        Self { at, before: age, at_least: false }
    }

    /// Something from before `at` of unknown age: the clock was not trusted. The screen shows "over".
    pub const fn older_than(at: Duration) -> Self {
        Self { at, before: Duration::ZERO, at_least: true }
    }

    /// How long ago.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.at) + self.before
    }

    /// Only a lower bound of the age is known.
    pub const fn is_lower_bound(&self) -> bool {
        self.at_least
    }

    /// When it entered this process.
    pub const fn at(&self) -> Duration {
        self.at
    }

    /// `3:12`, `1 h 04`, `2 d 3 h`; with `over` in front where only a lower bound is known.
    pub fn words(&self, now: Duration) -> String {
        self.over(&span(self.age(now)))
    }

    /// `just now`, `3 min ago`, `1 h 04 ago`: for lists, so that they do not change every second.
    pub fn ago(&self, now: Duration) -> String {
        match self.age(now).as_secs() / 60 {
            0 if !self.at_least => "just now".to_owned(),
            minutes @ 0..60 => self.over(&format!("{minutes} min ago")),
            _ => format!("{} ago", self.words(now)),
        }
    }

    fn over(&self, span: &str) -> String {
        if self.at_least { format!("over {span}") } else { span.to_owned() }
    }
}

/// A span of time as people say it: `3:12`, `1 h 04`, `2 d 3 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 => format!("{minutes}:{:02}", seconds % 60),
        1..24 => format!("{hours} h {:02}", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// How a study is called on the screen: the time of its first slice where the clock is trusted, and four digits of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyName {
    /// Keyed hash of the StudyInstanceUID, as `store::Keys` gives it. Never a UID.
    pub key: Arc<str>,
    /// Local time of the first slice; `None` while the clock is not trusted.
    pub started: Option<Time>,
}

impl StudyName {
    /// Names a study.
    pub fn new(key: &str, started: Option<Time>) -> Self {
        Self { key: key.into(), started }
    }

    /// `14:32 #7F3A`, or `#7F3A`.
    pub fn words(&self) -> String {
        match self.started {
            Some(t) => format!("{:02}:{:02} {}", t.hour(), t.minute(), self.short()),
            None => self.short(),
        }
    }

    /// `#7F3A`
    pub fn short(&self) -> String {
        format!("#{}", self.key.chars().take(4).collect::<String>().to_uppercase())
    }
}

/// The best slice as a grey picture with the fracture box.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// `width * height` grey values, row by row. No burned-in text.
    pub grey: Arc<[u8]>,
    /// Columns, > 0.
    pub width: u16,
    /// Rows, > 0.
    pub height: u16,
    /// Left, top, width and height of the suspected fracture in picture pixels.
    pub mark: [f32; 4],
    /// InstanceNumber of the slice, so that a person finds it on the console.
    pub slice: Option<i32>,
}

impl Picture {
    /// The whole of the best slice, scaled to `width x height`; the box is scaled along. `None` when the lengths do not agree.
    pub fn of_slice(grey: Arc<[u8]>, width: u16, height: u16, best: &BestSlice) -> Option<Self> {
        let [rows, columns] = best.matrix;
        let agrees =
            grey.len() == usize::from(width) * usize::from(height) && !grey.is_empty() && rows > 0 && columns > 0;
        let (sx, sy) = (f32::from(width) / f32::from(columns.max(1)), f32::from(height) / f32::from(rows.max(1)));
        let b = &best.fracture_box;
        let mark = [b.x * sx, b.y * sy, b.width * sx, b.height * sy];
        agrees.then_some(Self { grey, width, height, mark, slice: best.instance_number })
    }
}

/// Somebody has taken note of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Clinic or role, as the acknowledgement says.
    pub by: Words,
    /// When.
    pub at: Since,
}

/// What became of the message. `Sent` is never shown for what a broker has not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// No broker is configured: this screen is the only alert.
    ScreenOnly,
    /// In the outbox.
    Queued,
    /// The broker has acknowledged it.
    Sent,
    /// Given up after the last attempt, or refused by the broker.
    Refused,
}

impl Delivery {
    /// In one or two words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ScreenOnly => "screen only",
            Self::Queued => "not sent yet",
            Self::Sent => "sent",
            Self::Refused => "sending refused",
        }
    }
}

/// One study as the screen knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyReport {
    /// Its name.
    pub study: StudyName,
    /// The current assessment.
    pub assessment: Assessment,
    /// The slice to look at first, where a finding is suspected.
    pub picture: Option<Picture>,
    /// When the current verdict was first reached.
    pub since: Since,
    /// Who has taken note.
    pub acknowledged: Option<Acknowledged>,
    /// Where the message is.
    pub delivery: Delivery,
    /// How often the alert was sent again because nobody has acknowledged it.
    pub sent_again: u32,
}

impl StudyReport {
    /// Levels with a suspected finding, from head to foot, each once.
    pub fn suspected_levels(&self) -> Vec<Level> {
        let found = |level: &Level| self.assessment.findings.iter().any(|f| f.level == *level);
        Level::ALL.into_iter().filter(found).collect()
    }

    /// True where a person has to read what the device did not, nobody has taken note, and it is younger than `limit`.
    pub fn is_left_unread(&self, now: Duration, limit: Duration) -> bool {
        let unread = matches!(self.assessment.verdict, Verdict::NotAnalysed { .. } | Verdict::PartlyAnalysed { .. });
        unread && self.acknowledged.is_none() && self.since.age(now) < limit
    }

    /// True for a verdict of `suspected`.
    pub const fn is_suspected(&self) -> bool {
        matches!(self.assessment.verdict, Verdict::Suspected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_counts_what_passed_before_a_restart() {
        let since = Since::aged(Duration::from_secs(5), Duration::from_secs(3600));
        assert_eq!(since.words(Duration::from_secs(65)), "1 h 01");
    }

    #[test]
    fn an_age_that_is_not_known_is_shown_as_a_lower_bound() {
        assert_eq!(Since::older_than(Duration::ZERO).words(Duration::from_secs(75)), "over 1:15");
    }

    #[test]
    fn a_study_is_named_without_identity() {
        let name = StudyName::new("7f3a99ab01", Some(Time::constant(14, 2, 9, 0)));
        assert_eq!(name.words(), "14:02 #7F3A");
        assert_eq!(StudyName::new("7f3a99ab01", None).words(), "#7F3A");
    }
}
