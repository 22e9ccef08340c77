//! Passes of both sides in, rates, ratios and agreement out.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Pass, Published, STAGES};
use crate::cli::bench::clock::Lap;
use crate::cli::bench::figures::{Spread, median};
use crate::cli::table::Table;

/// What is printed.
#[derive(Serialize)]
pub struct Report {
    studies: usize,
    slices_per_study: u16,
    workers: usize,
    ours: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

#[derive(Serialize)]
struct Side {
    name: String,
    slices_per_second: f64,
    cpu_ms_per_slice: f64,
    /// Wall time a slice, ms, medians.
    stages: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish: Option<Published>,
}

#[derive(Serialize)]
struct Comparison {
    /// The peer's time in multiples of ours: above 1 ours is faster.
    wall_ratio: Option<Spread>,
    cpu_ratio: Option<Spread>,
    slices: usize,
    /// Slices in which both name the same vertebrae.
    same_levels: usize,
    /// Slices in which both see a suspected fracture, or both see none.
    same_suspicion: usize,
    /// By study: what we suspect, what the peer suspects.
    suspected: Vec<[String; 2]>,
}

impl Report {
    /// Of the passes over each study; of a peer with its name.
    pub fn of(ours: &[Vec<Pass>], peer: Option<(String, &[Vec<Pass>])>, slices_per_study: u16, workers: usize) -> Self {
        Self {
            studies: ours.len(),
            slices_per_study,
            workers,
            ours: side("spinewatch".to_owned(), ours, slices_per_study),
            comparison: peer.as_ref().map(|(_, theirs)| compare(ours, theirs)),
            peer: peer.map(|(name, theirs)| side(name, theirs, slices_per_study)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { studies, slices_per_study, workers, .. } = self;
        write!(f, "{}", self.table())?;
        writeln!(
            f,
            "{studies} studies of {slices_per_study} slices, --workers {workers}, medians of alternating passes."
        )?;
        let (Some(peer), Some(compared)) = (&self.peer, &self.comparison) else { return Ok(()) };
        writeln!(f, "peer: {}", peer.name)?;
        write!(f, "{compared}")?;
        match &peer.publish {
            Some(Published::Ms(ms)) => writeln!(f, "peer's message to its acknowledgement: {ms:.1} ms (not counted)"),
            Some(Published::Not(why)) => writeln!(f, "peer publishes nothing: {why}"),
            None => Ok(()),
        }
    }
}

impl Report {
    fn table(&self) -> Table<3> {
        let mut table = Table::new(["ms a slice", "spinewatch", "peer"]);
        let mut row = |name: &str, of: &dyn Fn(&Side) -> f64| {
            let cell = |side: Option<&Side>| side.map_or_else(|| "-".to_owned(), |side| format!("{:.2}", of(side)));
            table.row([name.to_owned(), cell(Some(&self.ours)), cell(self.peer.as_ref())]);
        };
        for name in STAGES {
            row(name, &|side| side.stages.get(name).copied().unwrap_or(0.0));
        }
        row("all, processor", &|side| side.cpu_ms_per_slice);
        row("all, wall", &|side| 1000.0 / side.slices_per_second);
        row("slices per second", &|side| side.slices_per_second);
        table
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (clock, ratio) in [("wall", self.wall_ratio), ("processor", self.cpu_ratio)] {
            if let Some(ratio) = ratio {
                writeln!(f, "peer's time / ours by the {clock}: {} (quartiles)", ratio.words(2))?;
            }
        }
        let Self { slices, same_levels, same_suspicion, .. } = self;
        writeln!(f, "same vertebrae in {same_levels} of {slices} slices, same suspicion in {same_suspicion}")?;
        for (number, [ours, theirs]) in self.suspected.iter().enumerate() {
            let words = |levels: &str| if levels.is_empty() { "nothing".to_owned() } else { levels.to_owned() };
            writeln!(f, "study {}: ours suspects {}, the peer {}", number + 1, words(ours), words(theirs))?;
        }
        Ok(())
    }
}

fn side(name: String, studies: &[Vec<Pass>], slices: u16) -> Side {
    let passes = || studies.iter().flatten();
    let slices = f64::from(slices);
    let stage = |name: &str| median(passes().filter_map(|pass| pass.stages.get(name)).map(|ms| ms / slices));
    Side {
        name,
        slices_per_second: 1000.0 * slices / median(passes().map(|pass| pass.lap.wall_ms)),
        cpu_ms_per_slice: median(passes().map(|pass| pass.lap.cpu_ms / slices)),
        stages: STAGES.into_iter().map(|name| (name.to_owned(), stage(name))).collect(),
        publish: passes().last().and_then(|pass| pass.publish.clone()),
    }
}

fn compare(ours: &[Vec<Pass>], theirs: &[Vec<Pass>]) -> Comparison {
    let times = |passes: &[Vec<Pass>], of: fn(&Lap) -> f64| -> Vec<f64> {
        passes.iter().flatten().map(|pass| of(&pass.lap)).collect()
    };
    let ratio = |of: fn(&Lap) -> f64| Spread::of_ratios(&times(theirs, of), &times(ours, of));
    let mut comparison = Comparison {
        wall_ratio: ratio(|lap| lap.wall_ms),
        cpu_ratio: ratio(|lap| lap.cpu_ms),
        slices: 0,
        same_levels: 0,
        same_suspicion: 0,
        suspected: Vec::new(),
    };
    for (ours, theirs) in ours.iter().zip(theirs).filter_map(|(ours, theirs)| ours.last().zip(theirs.last())) {
        comparison.suspected.push([&ours.suspected, &theirs.suspected].map(|levels| levels.join(" ")));
        for (file, (levels, boxes)) in &theirs.slices {
            let mine = ours.slices.get(file);
            comparison.slices += 1;
            comparison.same_levels += usize::from(mine.is_some_and(|(mine, _)| mine == levels));
            comparison.same_suspicion += usize::from(mine.is_some_and(|(_, mine)| (*mine > 0) == (*boxes > 0)));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(wall_ms: f64, levels: &[&str], boxes: usize) -> Pass {
        let levels: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
        Pass {
            lap: Lap { cpu_ms: wall_ms, wall_ms },
            stages: BTreeMap::from([("read".to_owned(), 2.0)]),
            slices: BTreeMap::from([("1.dcm".to_owned(), (levels.clone(), boxes))]),
            suspected: levels,
            publish: None,
        }
    }

    #[test]
    fn sides_are_compared_slice_by_slice_and_pass_by_pass() {
        let ours = [vec![pass(10.0, &["C3"], 1), pass(20.0, &["C3"], 1)]];
        let theirs = [vec![pass(30.0, &["C3"], 2), pass(60.0, &["C3", "C4"], 0)]];
        let report = Report::of(&ours, Some(("peer".to_owned(), &theirs)), 1, 1);
        let told = report.to_string();
        for part in [
            "ours by the wall: 3.00 (3.00 to 3.00)",
            "same vertebrae in 0 of 1 slices, same suspicion in 0",
            "study 1: ours suspects C3, the peer C3 C4",
        ] {
            assert!(told.contains(part), "{part} is missing from: {told}");
        }
        assert_eq!(report.ours.slices_per_second, 1000.0 / 15.0);
    }
}
