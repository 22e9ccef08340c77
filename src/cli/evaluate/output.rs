//! The files that an evaluation leaves: the page and the predictions.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

use super::Report;
use crate::dicom::{self, Limits, Slice};
use crate::evaluation::dataset::StudyTruth;
use crate::evaluation::predictions::{self, Run};
use crate::evaluation::report::{Content, Miss, Other, page as html};
use crate::evaluation::{Cuts, StudyResult};
use crate::triage::OperatingPoint;

/// What every page says first.
const FINDINGS: &str = "Suspected findings for prioritisation: never a diagnosis.";

/// Writes the predictions.
///
/// # Errors
/// When the file cannot be written.
pub fn predictions(
    path: &Path,
    report: &Report,
    point: &OperatingPoint,
    studies: &[StudyResult],
) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let notice = [Some(report.not_for_diagnosis), report.limitation].into_iter().flatten().collect::<Vec<_>>();
    let run = Run::new(notice.join(". "), report.models.clone(), &report.engine, point);
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    predictions::write(&mut file, &run, studies).and_then(|()| file.flush()).with_context(failed)
}

/// Writes `index.html` into a folder, which is made.
///
/// # Errors
/// When it cannot be written.
pub fn page(
    folder: &Path,
    dataset: &Path,
    report: &Report,
    cuts: &Cuts,
    truths: &[StudyTruth],
    studies: &[StudyResult],
    others: Option<&[StudyResult]>,
) -> anyhow::Result<()> {
    let limitation = report.limitation.map(|words| format!("Phantom, not patients: {words}."));
    let notices: Vec<&str> = limitation.iter().map(String::as_str).chain([FINDINGS]).collect();
    let other = report.float32.as_ref().zip(others);
    let content = Content {
        notices: &notices,
        facts: &facts(dataset, report),
        engine: &report.engine,
        studies,
        cuts,
        figures: &report.figures,
        strata: &report.strata,
        other: other.map(|(float32, studies)| Other { engine: &float32.engine, studies, figures: &float32.figures }),
    };
    let text = html(&content, &|miss| pixels(truths, miss));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("index.html");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn facts(dataset: &Path, report: &Report) -> Vec<(String, String)> {
    let name = dataset.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let studies = format!("{}, {} of them fractured; {} slices", report.studies, report.fractured, report.slices);
    let engine = format!("{}, Spinewatch {}", report.engine, env!("CARGO_PKG_VERSION"));
    [("data set", name), ("studies", studies), ("packages", report.models.join(", ")), ("engine", engine)]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

/// The first plane of the file of a miss.
fn pixels(truths: &[StudyTruth], miss: &Miss) -> Option<Slice> {
    let (_, path) = truths.get(miss.study)?.files.iter().find(|(number, _)| *number == miss.slice)?;
    dicom::read(&fs::read(path).ok()?, &Limits::default()).ok()?.into_iter().next()
}
