//! A verdict in the words that page and terminal share. Pure.

use crate::display::span;
use crate::publish::{FindingPayload, GapPayload, ModelTag, TriagePayload};
use crate::triage::{Completeness, Level, Missing};

/// The verdict, as it stands over everything else.
pub fn headline(verdict: &str) -> &'static str {
    match verdict {
        "suspected" => "SUSPECTED",
        "none_suspected" => "NONE SUSPECTED",
        "partly_analysed" => "PARTLY ANALYSED",
        _ => "NOT ANALYSED",
    }
}

/// `C2: score 0.91, slice 143 at -41.5 mm, 8 slices`
pub fn finding(finding: &FindingPayload) -> String {
    let best = &finding.best_slice;
    let slice = best.instance_number.map_or_else(String::new, |number| format!("slice {number} "));
    format!(
        "{}: score {:.2}, {slice}at {:.1} mm, {}",
        finding.level.name(),
        finding.score,
        best.z_mm,
        slices(finding.slices)
    )
}

/// What was seen.
pub fn coverage(told: &TriagePayload) -> Vec<String> {
    let coverage = &told.coverage;
    let mut lines = vec![if coverage.levels_seen.is_empty() {
        "No vertebra of the neck was seen".to_owned()
    } else {
        format!("Seen: {}", ranges(&coverage.levels_seen))
    }];
    let unseen: Vec<Level> = Level::ALL.into_iter().filter(|level| !coverage.levels_seen.contains(level)).collect();
    if !unseen.is_empty() {
        let word = if told.provisional { "Not seen yet" } else { "NOT seen" };
        lines.push(format!("{word}: {}", ranges(&unseen)));
    }
    lines.push(format!("{} analysed over {:.0} mm", slices(coverage.slices_analysed), coverage.extent_mm));
    lines.extend(coverage.gaps.iter().map(gap));
    lines
}

/// What is missing, each in a line; gaps stand in the coverage.
pub fn missing(told: &TriagePayload) -> Vec<String> {
    let line = |missing: &Missing| match missing {
        Missing::Levels { levels } => Some(format!("{} not in the images", ranges(levels))),
        Missing::Slices { .. } => None,
        Missing::Count { expected, arrived } => Some(format!("{arrived} of {expected} slices arrived")),
        Missing::Unreadable { slices: count } => Some(format!("{} could not be read", slices(*count))),
        Missing::Receiving => Some("slices still arrive".to_owned()),
        Missing::TimeLimit => Some("judged before the series had ended".to_owned()),
        Missing::Detector { reason } => Some(format!("fractures were not sought: {reason}")),
    };
    told.missing.iter().filter_map(line).collect()
}

fn gap(gap: &GapPayload) -> String {
    let missing = slices(gap.missing_slices);
    format!("Gap of {:.1} mm from {:.1} to {:.1} mm, {missing} missing", gap.extent_mm, gap.from_mm, gap.to_mm)
}

fn slices(count: u32) -> String {
    if count == 1 { "1 slice".to_owned() } else { format!("{count} slices") }
}

/// `C1 to C4, C6`
fn ranges(levels: &[Level]) -> String {
    let mut runs: Vec<(Level, Level)> = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| levels.contains(level)) {
        match runs.last_mut() {
            Some((_, last)) if *last as usize + 1 == level as usize => *last = level,
            _ => runs.push((level, level)),
        }
    }
    let run = |(first, last): &(Level, Level)| match *last as usize - *first as usize {
        0 => first.name().to_owned(),
        1 => format!("{}, {}", first.name(), last.name()),
        _ => format!("{} to {}", first.name(), last.name()),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

/// Label and time.
pub fn timings(told: &TriagePayload) -> Vec<(String, String)> {
    let timings = &told.timings;
    let decided = if told.clock_trusted { clock(&timings.decided_at) } else { "device's clock is not set".to_owned() };
    let mut lines = vec![("Verdict".to_owned(), decided)];
    if let Some(ms) = timings.last_slice_to_verdict_ms {
        lines.push(("Last slice to verdict".to_owned(), format!("{:.1} s", f64::from(ms) / 1000.0)));
    }
    let ended = match told.completeness {
        Completeness::Receiving => "slices still arrive",
        Completeness::CountReached => "all slices arrived",
        Completeness::Quiet => "no further slice arrived",
        Completeness::LimitReached => "time limit",
    };
    lines.push(("Series ended by".to_owned(), ended.to_owned()));
    let stage = |stage: &crate::publish::StageTiming| {
        (stage.stage.clone(), format!("{:.0} ms a slice, {:.0} at most", stage.mean_ms, stage.max_ms))
    };
    lines.extend(timings.stages.iter().map(stage));
    lines
}

/// `2026-01-02 03:04:05 UTC`
fn clock(rfc3339: &str) -> String {
    let seconds = rfc3339.split_once('.').map_or(rfc3339, |(seconds, _)| seconds);
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// `fracture-detector-edge 0.1.0 (12ab34cd)`
pub fn model(model: &ModelTag) -> String {
    let digest: String = model.digest.chars().take(8).collect();
    format!("{} {} ({digest})", model.name, model.version)
}

/// What must be said with it.
pub fn notices(told: &TriagePayload) -> Vec<String> {
    let mut notices = vec![told.not_for_diagnosis.clone()];
    notices.extend(told.limitation.clone());
    if told.truncated {
        notices.push("the message was cut to its largest size: the device knows more".to_owned());
    }
    notices
}

/// `3:12`, `over 1 h 04`
pub fn age(secs: u64, at_least: bool) -> String {
    let words = span(std::time::Duration::from_secs(secs));
    if at_least { format!("over {words}") } else { words }
}
