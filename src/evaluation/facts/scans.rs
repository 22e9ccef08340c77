//! How the studies were scanned: from the first and the last file of each.

use std::fs;
use std::path::PathBuf;

use super::statistics::{mean, percentile, share};
use super::{Facts, Known};
use crate::dicom::{self, Limits, SliceHeader};

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
    let (first, last) = (files.first()?, files.last()?);
    let (upper, lower) = (header(&first.1)?, header(&last.1)?);
    let [from, to] = [&upper, &lower].map(SliceHeader::position_along_normal);
    Some(Scan {
        rows: upper.rows,
        columns: upper.columns,
        pixel_spacing: upper.pixel_spacing[0],
        thickness: upper.slice_thickness,
        spacing: (from - to).abs() / f64::from(last.0.saturating_sub(first.0).max(1)),
        foot_to_head: from < to,
    })
}

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    facts.group = "scans";
    let slices: Vec<f64> = studies.iter().map(|study| study.truth.files.len() as f64).collect();
    facts.add("scan.slices_mean", "slices per study, mean", Some(352.0), mean(&slices));
    for (name, percent, source) in
        [("minimum", 0.0, 69.0), ("p5", 5.0, 198.0), ("p95", 95.0, 626.0), ("maximum", 100.0, 1082.0)]
    {
        let words = format!("slices per study, {name}");
        facts.add(&format!("scan.slices_{name}"), &words, Some(source), percentile(&slices, percent));
    }
    let scans: Vec<Scan> = studies.iter().filter_map(|study| study.scan).collect();
    let thickness: Vec<f64> = scans.iter().filter_map(|scan| scan.thickness).collect();
    let about = |wanted: f64| share(&thickness, |mm| (mm - wanted).abs() < 0.01);
    facts.add("scan.thickness_625", "thickness 0.625 mm, share of studies", Some(0.5), about(0.625));
    facts.add("scan.thickness_1000", "thickness 1.0 mm, share of studies", Some(1.0 / 3.0), about(1.0));
    let thinner = share(&thickness, |mm| (0.45..0.615).contains(mm));
    facts.add("scan.thickness_500_600", "thickness 0.5 to 0.6 mm, share of studies", Some(1.0 / 6.0), thinner);
    let spacing: Vec<f64> = scans.iter().map(|scan| scan.spacing).collect();
    facts.add("scan.spacing_p50", "distance between slices, median, mm", None, percentile(&spacing, 50.0));
    add_pixels(facts, &scans);
    facts.add(
        "scan.foot_to_head",
        "from foot to head, share of studies",
        Some(0.1),
        share(&scans, |scan| scan.foot_to_head),
    );
}

fn add_pixels(facts: &mut Facts, scans: &[Scan]) {
    let pixels: Vec<f64> = scans.iter().map(|scan| scan.pixel_spacing).collect();
    facts.add("scan.pixel_minimum", "pixel spacing, minimum, mm", Some(0.31), percentile(&pixels, 0.0));
    facts.add(
        "scan.pixel_p50",
        "pixel spacing, median, mm (published: typically 0.3 to 0.4)",
        Some(0.35),
        percentile(&pixels, 50.0),
    );
    facts.add("scan.pixel_maximum", "pixel spacing, maximum, mm", Some(2.6), percentile(&pixels, 100.0));
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
