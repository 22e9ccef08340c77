//! Studies with their truth in, what the device's own path says of each beside it out.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::appliance::{Offline, Outcome};
use crate::dicom::{self, Limits};
use crate::evaluation::dataset::StudyTruth;
use crate::evaluation::{FractureOpinion, SliceResult, StudyResult};
use crate::inference::{Analyser, Engine, SecondOpinion, TractEngine};
use crate::triage::rule::Rule;
use crate::triage::{Evidence, OperatingPoint, vertebrae_shown};

/// Packages ready for studies.
pub struct Passage {
    analyser: Arc<Analyser>,
    second: Option<SecondOpinion>,
    /// Name of the engine.
    pub engine: String,
    /// Name and version of each package.
    pub models: Vec<String>,
    /// One of them at least was trained on a phantom only.
    pub phantom: bool,
    /// Where they count as a yes.
    pub point: OperatingPoint,
}

impl Passage {
    /// With the packages of an analyser, and a fracture classifier beside them where there is one.
    pub fn open(analyser: Analyser, second: Option<SecondOpinion>, engine: &TractEngine) -> Self {
        let models: Vec<_> = analyser.models().iter().chain(second.iter().map(SecondOpinion::model)).collect();
        Self {
            engine: engine.name().to_owned(),
            models: models.iter().map(|model| format!("{} {}", model.name, model.version)).collect(),
            phantom: models.iter().any(|model| model.phantom_trained),
            second,
            point: analyser.operating_point(),
            analyser: Arc::new(analyser),
        }
    }

    /// Every study, with a bar on standard error.
    ///
    /// # Errors
    /// When a file cannot be read, or a study has no slice that can be.
    pub fn run(&mut self, truths: &[StudyTruth], workers: NonZeroUsize) -> anyhow::Result<Vec<StudyResult>> {
        let bar = ProgressBar::new(truths.iter().map(|truth| truth.files.len() as u64).sum());
        bar.set_style(ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} slices, {eta} left")?);
        bar.set_message(self.engine.clone());
        let studies = truths
            .iter()
            .map(|truth| {
                let mut study = self.study(truth, workers, &bar)?;
                self.ask_again(truth, &mut study)?;
                Ok(study)
            })
            .collect();
        bar.finish_and_clear();
        studies
    }

    fn study(&self, truth: &StudyTruth, workers: NonZeroUsize, bar: &ProgressBar) -> anyhow::Result<StudyResult> {
        let mut offline = Offline::new(Ok(&self.analyser), workers)?;
        for (number, path) in &truth.files {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            offline.read(&number.to_string(), &bytes);
            bar.inc(1);
        }
        let outcome = offline.finish();
        let slices = slices(truth, &outcome, &self.point);
        // of several series in a study's folder the one that says most counts
        let statements = outcome.statements.into_values().map(|statement| statement.assessment);
        let Some(assessment) = statements.max_by_key(|assessment| assessment.verdict.priority()) else {
            bail!("{}: no slice of it could be read", truth.study);
        };
        Ok(StudyResult {
            study: truth.study.clone(),
            fractured: truth.fractured,
            fractures: truth.fractures.clone(),
            boxes_known: truth.boxes_known(),
            slices,
            assessment,
        })
    }
}

impl Passage {
    /// Asks the fracture classifier about every slice. It stands outside the stream and changes nothing that was said.
    fn ask_again(&mut self, truth: &StudyTruth, study: &mut StudyResult) -> anyhow::Result<()> {
        let Some(second) = &mut self.second else { return Ok(()) };
        for ((_, path), result) in truth.files.iter().zip(&mut study.slices) {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let Ok(slices) = dicom::read(&bytes, &Limits::default()) else { continue };
            let Some(slice) = slices.first() else { continue };
            let opinion = second
                .of_slice(slice)
                .with_context(|| format!("the fracture classifier fails on {}", path.display()))?;
            result.opinion = Some(FractureOpinion { probabilities: opinion.probabilities, said: opinion.said });
        }
        Ok(())
    }
}

/// Slices that the device did not analyse count as ones in which it saw nothing.
fn slices(truth: &StudyTruth, outcome: &Outcome, point: &OperatingPoint) -> Vec<SliceResult> {
    let evidence: Vec<Evidence> = outcome.evidence.values().flatten().cloned().collect();
    let counted = vertebrae_shown(&Rule::SHIPPED, &evidence, point);
    let slice = |(number, _): &(u32, PathBuf)| {
        let evidence = outcome.evidence.get(&number.to_string()).and_then(|evidence| evidence.first());
        SliceResult {
            number: *number,
            visible: truth.visible.get(number).copied(),
            vertebrae: evidence.map_or([0.0; 7], |evidence| evidence.vertebrae),
            counted: evidence.and_then(|evidence| counted.get(&evidence.slice_key)).copied().unwrap_or_default(),
            true_boxes: truth.boxes.get(number).cloned().unwrap_or_default(),
            boxes: evidence.map(|evidence| evidence.boxes.clone()).unwrap_or_default(),
            opinion: None,
        }
    };
    truth.files.iter().map(slice).collect()
}
