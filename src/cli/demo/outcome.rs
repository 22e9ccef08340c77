//! What was heard of a study against what was expected, and the table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::exam::{Expected, Written, words};
use crate::cli::table::Table;
use crate::health::Memory;
use crate::publish::{EventKind, Received, TriagePayload};
use crate::triage::Level;

/// One study.
pub struct Outcome {
    expected: Expected,
    /// Filled in when the console is done.
    pub written: Option<Written>,
    first_alert: Option<Instant>,
    verdict: Option<(Instant, TriagePayload)>,
}

impl Outcome {
    /// Nothing heard yet.
    pub const fn new(expected: Expected) -> Self {
        Self { expected, written: None, first_alert: None, verdict: None }
    }

    /// Takes an event; those of other studies do not count. A key image is kept in the folder `key_images`.
    pub fn hear(&mut self, event: &Received, key_images: &Path) -> anyhow::Result<()> {
        let is = |kind: &str| event.topic.ends_with(&format!("/{kind}/{}", self.expected.study_key));
        if is("alert") {
            self.first_alert.get_or_insert(event.arrived);
        }
        if is("image") {
            std::fs::create_dir_all(key_images)?;
            std::fs::write(key_images.join(format!("{}.png", self.expected.seed())), &event.payload)?;
        }
        if is("triage") {
            self.verdict = Some((event.arrived, event.triage()?));
        }
        Ok(())
    }

    /// Whether the final verdict has come.
    pub fn is_final(&self) -> bool {
        self.verdict.as_ref().is_some_and(|(_, payload)| !payload.provisional)
    }

    fn reported(&self) -> String {
        self.verdict.as_ref().map_or_else(|| "nothing".into(), |(_, payload)| words(&payload.verdict, &levels(payload)))
    }

    fn is_right(&self) -> bool {
        self.reported() == self.expected.words()
    }

    fn last_slice_to_verdict(&self) -> Option<Duration> {
        Some(self.verdict.as_ref()?.0.saturating_duration_since(self.written?.last))
    }

    fn evidence_to_alert(&self) -> Option<Duration> {
        Some(self.first_alert?.saturating_duration_since(self.written?.first_evidence?))
    }

    /// Positive when the first alert came before the last slice.
    fn alert_before_end(&self) -> Option<bool> {
        Some(self.first_alert? < self.written?.last)
    }
}

/// All studies.
pub struct Report {
    /// One a study.
    pub outcomes: Vec<Outcome>,
    /// Of the daemon.
    pub memory: Option<Memory>,
    /// Where the screens are.
    pub screens: PathBuf,
    /// Where the key images are.
    pub key_images: PathBuf,
}

impl Report {
    /// Every verdict with its levels is as expected.
    pub fn all_right(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_right)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "study",
            "expected",
            "reported",
            "",
            "last slice to verdict",
            "first evidence to alert",
            "alert before the end",
        ]);
        for outcome in &self.outcomes {
            table.row([
                outcome.expected.seed().to_string(),
                outcome.expected.words(),
                outcome.reported(),
                if outcome.is_right() { "right".into() } else { "WRONG".into() },
                seconds(outcome.last_slice_to_verdict()),
                seconds(outcome.evidence_to_alert()),
                outcome.alert_before_end().map_or("-", |yes| if yes { "yes" } else { "no" }).to_owned(),
            ]);
        }
        writeln!(f, "{table}")?;
        let delays = sorted(self.outcomes.iter().filter_map(Outcome::last_slice_to_verdict));
        writeln!(
            f,
            "last slice written to verdict received: p50 {}, p95 {} (of which 5.00 s are the quiet time that ends a series)",
            seconds(percentile(&delays, 50)),
            seconds(percentile(&delays, 95))
        )?;
        let mut stages = Table::new(["stage", "slices", "mean ms", "max ms"]);
        for (stage, (slices, total, max)) in self.stages() {
            let mean = if slices > 0 { total / f64::from(slices) } else { 0.0 };
            stages.row([stage, slices.to_string(), format!("{mean:.1}"), format!("{max:.1}")]);
        }
        writeln!(f, "\n{stages}")?;
        if let Some(memory) = self.memory {
            let mib = |bytes: u64| bytes >> 20;
            writeln!(
                f,
                "memory of the daemon: {} MiB at most, {} MiB now",
                mib(memory.peak_bytes),
                mib(memory.resident_bytes)
            )?;
        }
        writeln!(f, "screens: {}, key images: {}", self.screens.display(), self.key_images.display())?;
        let right = self.outcomes.iter().filter(|outcome| outcome.is_right()).count();
        writeln!(
            f,
            "{right} of {} verdicts and their levels are right (phantom studies, phantom-trained models)",
            self.outcomes.len()
        )
    }
}

impl Report {
    /// Slices, total ms and slowest ms per stage over all studies, in the order of the path.
    fn stages(&self) -> Vec<(String, (u32, f64, f32))> {
        let mut order = Vec::new();
        let mut sums: BTreeMap<String, (u32, f64, f32)> = BTreeMap::new();
        let timings = self.outcomes.iter().filter_map(|outcome| outcome.verdict.as_ref());
        for stage in timings.flat_map(|(_, payload)| &payload.timings.stages) {
            if !order.contains(&stage.stage) {
                order.push(stage.stage.clone());
            }
            let sum = sums.entry(stage.stage.clone()).or_default();
            sum.0 += stage.slices;
            sum.1 += f64::from(stage.slices) * f64::from(stage.mean_ms);
            sum.2 = sum.2.max(stage.max_ms);
        }
        order.into_iter().filter_map(|stage| sums.remove(&stage).map(|sum| (stage, sum))).collect()
    }
}

/// An event in a few words.
pub fn summary(event: &Received) -> String {
    if event.event.kind == EventKind::Image {
        return format!("the key image, {} bytes of PNG", event.payload.len());
    }
    if let Ok(payload) = event.triage() {
        let state = if payload.provisional { "provisional" } else { "final" };
        return format!(
            "{} ({state}, revision {}, {:?} priority)",
            words(&payload.verdict, &levels(&payload)),
            payload.revision,
            payload.priority
        );
    }
    let json = event.json().unwrap_or_default();
    let state = ["state", "models", "acknowledged_by"].iter().find_map(|key| json.get(key));
    match state {
        Some(serde_json::Value::String(state)) => {
            let reasons = json["reasons"].as_array().map_or(&[][..], Vec::as_slice);
            let reasons = reasons.iter().filter_map(|reason| reason["code"].as_str()).collect::<Vec<_>>().join(", ");
            if reasons.is_empty() { state.clone() } else { format!("{state}: {reasons}") }
        }
        _ => format!("{} slices/s, {} messages waiting", json["slices_per_second"], json["queue_waiting"]),
    }
}

fn levels(payload: &TriagePayload) -> Vec<Level> {
    let found = |level: &Level| payload.findings.iter().any(|finding| finding.level == *level);
    Level::ALL.into_iter().filter(found).collect()
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".into(), |time| format!("{:.2} s", time.as_secs_f64()))
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times
}

/// Nearest rank.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<Duration> = (1..=20).map(Duration::from_secs).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_secs(10)));
        assert_eq!(percentile(&times, 95), Some(Duration::from_secs(19)));
        assert_eq!(percentile(&times[..1], 95), Some(Duration::from_secs(1)));
        assert_eq!(percentile(&[], 95), None);
    }
}
