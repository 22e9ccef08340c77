//! The options of one study, as `phantom series` and `phantom console` take them.

use std::ops::RangeInclusive;

use clap::Args;

use super::values::{difficulty, fracture, refuse_outside_the_neck, spacing};
use crate::phantom::{Direction, FractureKind, Fractures, Habits, Profile, Protocol, Region, StudySpec};
use crate::triage::Level;

/// One study and the way in which its files are written.
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// The same seed gives the same patient.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which patients and scanners.
    #[arg(long, value_enum, default_value_t = Profile::Standard)]
    profile: Profile,
    /// Number of slices; without it the spacing decides.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4000), conflicts_with = "slice_spacing")]
    slices: Option<u16>,
    /// Distance between slices in mm; without it 0.8 to 2.5 with the standard profile, as the scanners are set with the
    /// others.
    #[arg(long, value_name = "MIN..MAX", value_parser = spacing)]
    slice_spacing: Option<RangeInclusive<f32>>,
    /// A fracture, for example C5:burst; may be repeated. Without it the seed decides.
    #[arg(long, value_name = "LEVEL:KIND", value_parser = fracture)]
    fracture: Vec<(Level, FractureKind)>,
    /// No fracture.
    #[arg(long, conflicts_with = "fracture")]
    intact: bool,
    /// Difficulty of the fractures: 0 wide and displaced, 1 hair lines.
    #[arg(long, value_name = "MIN..MAX", default_value = "0..0.4", value_parser = difficulty)]
    difficulty: RangeInclusive<f32>,
    /// Part of the body; fractures are in the neck only.
    #[arg(long, value_enum, default_value_t = Region::Neck)]
    region: Region,
    /// Slices from foot to head.
    #[arg(long)]
    foot_to_head: bool,
    /// Rows and columns of a slice.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(16..=2048))]
    matrix: u16,
    /// How the files are written: transfer syntax, sign, bits, header.
    #[arg(long, default_value = "console", value_parser = Habits::NAMED.map(|(name, _)| name))]
    habits: String,
}

impl StudyArgs {
    /// What they ask for.
    ///
    /// # Errors
    /// When two of them contradict each other.
    pub fn spec(&self) -> anyhow::Result<StudySpec> {
        if !self.fracture.is_empty() {
            refuse_outside_the_neck(self.region, "--fracture")?;
        }
        let usual = StudySpec::new(self.seed);
        let as_set = self.slice_spacing.is_none() && self.profile != Profile::Standard;
        Ok(StudySpec {
            profile: self.profile,
            protocol: if as_set { Protocol::Drawn } else { Protocol::spaced(self.profile) },
            fractures: match self {
                Self { intact: true, .. } => Fractures::Intact,
                Self { fracture, .. } if fracture.is_empty() => Fractures::Sometimes(0.5),
                Self { fracture, .. } => Fractures::Exactly(fracture.clone()),
            },
            difficulty: self.difficulty.clone(),
            slices: self.slices.map(usize::from),
            spacing_mm: self.slice_spacing.clone().unwrap_or(usual.spacing_mm),
            matrix: self.matrix,
            direction: if self.foot_to_head { Direction::FootToHead } else { Direction::HeadToFoot },
            region: self.region,
            ..StudySpec::new(self.seed)
        })
    }

    /// The way of writing.
    pub fn habits(&self) -> Habits {
        Habits::named(&self.habits).unwrap_or(Habits::console())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        study: StudyArgs,
    }

    fn parsed(options: &str) -> Result<StudyArgs, String> {
        let words = std::iter::once("series").chain(options.split_whitespace());
        Line::try_parse_from(words).map(|line| line.study).map_err(|e| e.to_string())
    }

    fn spec(options: &str) -> StudySpec {
        parsed(options).unwrap().spec().unwrap()
    }

    #[test]
    fn a_distance_is_the_users_or_the_scanners() {
        let usual = StudySpec { direction: Direction::HeadToFoot, ..StudySpec::new(3) };
        assert_eq!(spec("--seed 3"), usual);
        assert_eq!(spec("--slice-spacing 2..3"), StudySpec { spacing_mm: 2.0..=3.0, seed: 1, ..usual });
        assert_eq!(spec("--profile unseen-scanner").protocol, Protocol::Drawn);
        let asked = spec("--profile unseen-scanner --slice-spacing 4..4");
        assert_eq!((asked.protocol, asked.spacing_mm), (Protocol::Respaced, 4.0..=4.0));
        assert_eq!(spec("--profile varied --slice-spacing 2..3").protocol, Protocol::Respaced);
    }

    #[test]
    fn options_that_contradict_each_other_are_named() {
        let words = parsed("--slices 5 --slice-spacing 1..2").unwrap_err();
        assert!(words.contains("--slices") && words.contains("--slice-spacing"), "{words}");
        let words = parsed("--region head --fracture C5:burst").unwrap().spec().unwrap_err().to_string();
        assert!(words.contains("--region head") && words.contains("--fracture"), "{words}");
        assert!(spec("--region head --intact").fractures == Fractures::Intact);
    }
}
