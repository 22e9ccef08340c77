//! How the studies were scanned: from the first and the last file of each.

use std::fs;
use std::path::PathBuf;

use super::statistics::{mean, percentile, share};
use super::{Facts, Known};
use crate::dicom::{self, Limits, SliceHeader};
use crate::published;

/// Geometry of one study, in mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scan {
    /// Rows of a slice.
    pub rows: u16,
    /// Columns of a slice.
    pub columns: u16,
    /// Between rows.
    pub pixel_spacing: f64,
    /// Of a slice, where the header has it.
    pub thickness: Option<f64>,
    /// Between slices, on average.
    pub spacing: f64,
    /// The first file is the lowest slice.
    pub foot_to_head: bool,
}

/// `None` where one of the two files cannot be read as a CT slice.
pub(super) fn read(files: &[(u32, PathBuf)]) -> Option<Scan> {
    let header = |path: &PathBuf| -> Option<SliceHeader> {
        let slices = dicom::read(&fs::read(path).ok()?, &Limits::default()).ok()?;
        slices.into_iter().next().map(|slice| slice.header)
    };
    let ((from, first), (to, last)) = (files.first()?, files.last()?);
    let steps = f64::from(to.saturating_sub(*from).max(1));
    let (first, last) = (header(first)?, header(last)?);
    let [from, to] = [&first, &last].map(SliceHeader::position_along_normal);
    Some(Scan {
        rows: first.rows,
        columns: first.columns,
        pixel_spacing: first.pixel_spacing[0],
        thickness: first.slice_thickness,
        spacing: (from - to).abs() / steps,
        foot_to_head: from < to,
    })
}

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    facts.group = "scans";
    let slices: Vec<f64> = studies.iter().map(|study| study.truth.files.len() as f64).collect();
    facts.add("scan.slices_mean", "slices per study, mean", Some(published::SLICES_MEAN), mean(&slices));
    let percentiles = [("minimum", 0.0), ("p5", 5.0), ("p95", 95.0), ("maximum", 100.0)];
    for ((name, percent), source) in percentiles.into_iter().zip(published::SLICES) {
        let words = format!("slices per study, {name}");
        facts.add(&format!("scan.slices_{name}"), &words, Some(source), percentile(&slices, percent));
    }
    let scans: Vec<Scan> = studies.iter().filter_map(|study| study.scan).collect();
    let thickness: Vec<f64> = scans.iter().filter_map(|scan| scan.thickness).collect();
    let about = |wanted: f64| share(&thickness, |mm| (mm - wanted).abs() < 0.01);
    facts.add(
        "scan.thickness_625",
        "thickness 0.625 mm, share of studies",
        Some(published::THICKNESS_625),
        about(0.625),
    );
    facts.add("scan.thickness_1000", "thickness 1.0 mm, share of studies", Some(published::THICKNESS_1000), about(1.0));
    let thinner = share(&thickness, |mm| (0.45..0.615).contains(mm));
    facts.add(
        "scan.thickness_500_600",
        "thickness 0.5 to 0.6 mm, share of studies",
        Some(published::THICKNESS_500_600),
        thinner,
    );
    let spacing: Vec<f64> = scans.iter().map(|scan| scan.spacing).collect();
    facts.add("scan.spacing_p50", "distance between slices, median, mm", None, percentile(&spacing, 50.0));
    add_pixels(facts, &scans);
    facts.add(
        "scan.foot_to_head",
        "from foot to head, share of studies",
        Some(published::FOOT_TO_HEAD),
        share(&scans, |scan| scan.foot_to_head),
    );
}

fn add_pixels(facts: &mut Facts, scans: &[Scan]) {
    let pixels: Vec<f64> = scans.iter().map(|scan| scan.pixel_spacing).collect();
    let [least, greatest] = published::PIXEL_SPACING;
    facts.add("scan.pixel_minimum", "pixel spacing, minimum, mm", Some(least), percentile(&pixels, 0.0));
    let typical = published::PIXEL_SPACING_TYPICAL;
    facts.add_range(
        "scan.pixel_p50",
        "pixel spacing, median (published: typical), mm",
        typical,
        percentile(&pixels, 50.0),
    );
    facts.add("scan.pixel_maximum", "pixel spacing, maximum, mm", Some(greatest), percentile(&pixels, 100.0));
    facts.add(
        "scan.matrix_512",
        "512 x 512, share of studies",
        None,
        share(scans, |scan| (scan.rows, scan.columns) == (512, 512)),
    );
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::tests::{studies, value};
    use super::super::{facts, read};

    #[test]
    fn scans_are_described_in_shares_and_percentiles() {
        let facts = facts(&studies());
        assert_eq!(value(&facts, "scan.slices_p95"), Some(4.0));
        assert_eq!((value(&facts, "scan.thickness_1000"), value(&facts, "scan.thickness_625")), (Some(1.0), Some(0.0)));
        let median = facts.iter().find(|fact| fact.key == "scan.pixel_p50").unwrap();
        assert_eq!((median.source, median.source_range, median.value), (None, Some([0.3, 0.4]), Some(0.35)));
        assert_eq!((median.difference, median.ratio), (None, None), "a range has no difference");
        assert_eq!((value(&facts, "scan.foot_to_head"), value(&facts, "scan.matrix_512")), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn the_phantoms_files_say_how_they_were_scanned() {
        let out = tempfile::tempdir().unwrap();
        let quick = crate::phantom::dataset::DatasetSpec::new(2, 6);
        let spec = crate::phantom::dataset::DatasetSpec { spacing_mm: Some(8.0..=8.0), matrix: Some(64), ..quick };
        crate::phantom::dataset::write(&spec, out.path(), &|_, _| ()).unwrap();
        for study in read(out.path(), &|| ()).unwrap() {
            let scan = study.scan.unwrap();
            assert!((scan.spacing - 8.0).abs() < 0.01, "{scan:?}");
            assert_eq!((scan.rows, scan.columns), (64, 64));
        }
    }
}
