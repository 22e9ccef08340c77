//! How long each stage took: counted per slice, reported as count, mean and largest.

use std::time::Duration;

use serde::Serialize;

/// Times of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageTime {
    /// How many slices went through.
    pub slices: u32,
    /// All of them together.
    pub total: Duration,
    /// The slowest.
    pub max: Duration,
}

impl StageTime {
    /// Counts one slice.
    pub fn add(&mut self, time: Duration) {
        self.slices = self.slices.saturating_add(1);
        self.total = self.total.saturating_add(time);
        self.max = self.max.max(time);
    }

    /// Mean per slice; zero before the first.
    pub fn mean(&self) -> Duration {
        self.total.checked_div(self.slices).unwrap_or_default()
    }
}

/// Times of every stage between the share and the evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageTimes {
    /// First seen on the share to read: the file had to settle.
    pub settle: StageTime,
    /// Guard, header and pixels to Hounsfield units.
    pub decode: StageTime,
    /// Window and resize.
    pub prepare: StageTime,
    /// In the queue of the networks.
    pub wait: StageTime,
    /// Vertebra classifier.
    pub classifier: StageTime,
    /// Fracture detector, where it ran.
    pub detector: StageTime,
}

impl StageTimes {
    /// Adds the times of another part of the path.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.settle, other.settle),
            (&mut self.decode, other.decode),
            (&mut self.prepare, other.prepare),
            (&mut self.wait, other.wait),
            (&mut self.classifier, other.classifier),
            (&mut self.detector, other.detector),
        ] {
            mine.slices = mine.slices.saturating_add(theirs.slices);
            mine.total = mine.total.saturating_add(theirs.total);
            mine.max = mine.max.max(theirs.max);
        }
    }

    /// Names and times, in the order of the path.
    pub const fn named(&self) -> [(&'static str, StageTime); 6] {
        [
            ("settle", self.settle),
            ("decode", self.decode),
            ("prepare", self.prepare),
            ("wait", self.wait),
            ("classifier", self.classifier),
            ("detector", self.detector),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_reports_mean_and_slowest() {
        let mut stage = StageTime::default();
        assert_eq!(stage.mean(), Duration::ZERO);
        stage.add(Duration::from_millis(2));
        stage.add(Duration::from_millis(6));
        assert_eq!((stage.slices, stage.mean(), stage.max), (2, Duration::from_millis(4), Duration::from_millis(6)));
    }
}
