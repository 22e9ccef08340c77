//! Values of the phantom's options: text in, value out, or words that say what is wanted.

use std::ops::RangeInclusive;

use clap::ValueEnum;

use crate::phantom::{FractureKind, Region};
use crate::triage::Level;

fn number(text: &str) -> Result<f32, String> {
    text.parse().map_err(|e| format!("{text:?} is no number: {e}"))
}

fn range(text: &str, allowed: &RangeInclusive<f32>) -> Result<RangeInclusive<f32>, String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (number(low)?, number(high)?);
    if low > high {
        Err("MIN is above MAX".into())
    } else if allowed.contains(&low) && allowed.contains(&high) {
        Ok(low..=high)
    } else {
        Err(format!("want MIN..MAX within {} and {}", allowed.start(), allowed.end()))
    }
}

/// Distances between slices, mm.
pub fn spacing(text: &str) -> Result<RangeInclusive<f32>, String> {
    range(text, &(0.1..=20.0))
}

/// Difficulties of fractures.
pub fn difficulty(text: &str) -> Result<RangeInclusive<f32>, String> {
    range(text, &(0.0..=1.0))
}

/// Length of an excerpt, mm.
pub fn excerpt(text: &str) -> Result<f32, String> {
    let allowed = 5.0..=1000.0;
    let words = || format!("want one length in mm, from {} to {}", allowed.start(), allowed.end());
    text.parse().ok().filter(|length| allowed.contains(length)).ok_or_else(words)
}

/// Files a second.
pub fn rate(text: &str) -> Result<f64, String> {
    let positive = |rate: &f64| rate.is_finite() && *rate > 0.0;
    text.parse().ok().filter(positive).ok_or_else(|| "want files a second, more than 0".into())
}

/// `LEVEL:KIND`.
pub fn fracture(text: &str) -> Result<(Level, FractureKind), String> {
    let (level, kind) = text.split_once(':').ok_or("want LEVEL:KIND, for example C5:burst")?;
    let level = Level::ALL.into_iter().find(|l| l.name().eq_ignore_ascii_case(level));
    let level = level.ok_or("the level is one of C1 to C7")?;
    let fits: Vec<FractureKind> = FractureKind::ALL.into_iter().filter(|kind| kind.fits(level)).collect();
    FractureKind::from_str(kind, true).ok().filter(|kind| fits.contains(kind)).map(|kind| (level, kind)).ok_or_else(
        || {
            let names: Vec<String> = fits.iter().map(|kind| kind.name()).collect();
            format!("{} breaks as one of {}", level.name(), names.join(", "))
        },
    )
}

/// Refuses an option that is about fractures for a region that has none.
///
/// # Errors
/// With words that name both options and the cure.
pub fn refuse_outside_the_neck(region: Region, option: &str) -> anyhow::Result<()> {
    let region = match region {
        Region::Neck => return Ok(()),
        Region::Head => "head",
        Region::Chest => "chest",
    };
    anyhow::bail!("--region {region} has no fractures, which {option} asks for: leave out one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fracture_that_a_vertebra_cannot_have_is_refused_with_those_that_it_can() {
        assert_eq!(fracture("c5:burst"), Ok((Level::C5, FractureKind::Burst)));
        assert_eq!(
            fracture("C1:dens-type-2"),
            Err("C1 breaks as one of jefferson, atlas-arch, lateral-mass, transverse".to_owned())
        );
        assert!(fracture("C8:burst").is_err() && fracture("C5").is_err() && fracture("C5:bust").is_err());
    }

    #[test]
    fn the_types_of_the_dens_keep_their_old_names_as_others() {
        let kinds = [FractureKind::DensType1, FractureKind::DensType2, FractureKind::DensType3];
        for ((kind, name), old) in kinds.into_iter().zip(1..).zip(["dens-tip", "dens", "dens-body"]) {
            assert_eq!(fracture(&format!("C2:dens-type-{name}")), Ok((Level::C2, kind)));
            assert_eq!(fracture(&format!("C2:{old}")), Ok((Level::C2, kind)));
            assert_eq!(kind.name(), format!("dens-type-{name}"));
        }
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(spacing("0.8..2.5"), Ok(0.8..=2.5));
        assert_eq!(difficulty("0.3"), Ok(0.3..=0.3));
        for bad in ["0..1", "x", "", "NaN..1", "1..1000"] {
            assert!(spacing(bad).is_err(), "{bad}");
        }
        assert_eq!(spacing("2..1"), Err("MIN is above MAX".to_owned()));
    }

    #[test]
    fn lengths_and_rates_are_checked_with_their_bounds() {
        assert_eq!((excerpt("42"), rate("0.5")), (Ok(42.0), Ok(0.5)));
        for bad in ["1..2", "4", "1001", "NaN", "long"] {
            assert_eq!(excerpt(bad), Err("want one length in mm, from 5 to 1000".to_owned()), "{bad}");
        }
        for bad in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_region_without_fractures_refuses_what_asks_for_some() {
        assert!(refuse_outside_the_neck(Region::Neck, "--balanced").is_ok());
        let words = refuse_outside_the_neck(Region::Chest, "--balanced").map_err(|e| e.to_string());
        let words = words.err().unwrap_or_default();
        assert!(["--region chest", "--balanced", "leave out"].iter().all(|part| words.contains(part)), "{words}");
    }
}
