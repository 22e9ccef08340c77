//! What a slice costs in a study of so many slices, in processor time and in memory.

use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::remembered::Remembered;
use crate::appliance::Offline;
use crate::cli::bench::clock::Moment;
use crate::cli::model_folders::ModelFolders;
use crate::health::Memory;
use crate::inference::{Analyser, Choice, Engine, TractEngine};
use crate::phantom::{Fractures, Habits, RenderedSlice, Study, StudySpec, dicom_writer};

/// So many planes are drawn; slices between two of them show the upper one.
const PLANES: usize = 64;
/// Slices between two looks at the memory.
const LOOK_EVERY: usize = 10;
const SEED: u64 = 90_001;

/// Of one study.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StudyCost {
    /// Slices with evidence: a series keeps a bounded number of slices, and tells the others as missing.
    pub analysed: usize,
    /// Processor time from the bytes of a file to the verdict, ms; of the slices that were kept.
    pub cpu_ms_per_slice: f64,
    /// The same for the last tenth of the slices, without the verdict: what one more slice costs.
    pub last_tenth_ms: f64,
    /// Most that was resident beyond what was before the first slice, MiB.
    pub growth_mib: f64,
}

/// Analyses one phantom study on this thread. Its files are made one by one and not counted.
///
/// # Errors
/// When the packages do not hold.
pub fn measure(slices: usize, models: &ModelFolders, without_networks: bool) -> anyhow::Result<StudyCost> {
    let device = TractEngine::default();
    let remembered = Remembered::new(TractEngine::default());
    let engine: &dyn Engine = if without_networks { &remembered } else { &device };
    let analyser = Analyser::open(&models.dir(), &Choice::default(), &models.trusted()?, engine).map(Arc::new)?;
    let spec = StudySpec { fractures: Fractures::Fractured, slices: Some(slices), ..StudySpec::new(SEED) };
    let study = Study::generate(&spec);
    let planes = PLANES.min(slices);
    let drawn: Vec<RenderedSlice> = (0..planes).map(|plane| study.render(plane * slices / planes)).collect();

    let mut offline = Offline::on_this_thread(&analyser)?;
    let before = Memory::of_this_process()?.resident_bytes;
    let mut most = before;
    let mut costs = Vec::with_capacity(slices);
    let timed = |work: &mut dyn FnMut()| {
        let (started, spent) = (Moment::now(), remembered.spent_ms());
        work();
        started.elapsed().cpu_ms - (remembered.spent_ms() - spent)
    };
    for index in 0..slices {
        let plane = &drawn[index * planes / slices];
        let bytes = dicom_writer::encode(&study, index, &plane.hounsfield, &Habits::console())?;
        costs.push(timed(&mut || offline.read(&index.to_string(), &bytes)));
        if index % LOOK_EVERY == 0 {
            most = most.max(Memory::of_this_process()?.resident_bytes);
        }
    }
    let mut offline = Some(offline);
    let mut outcome = None;
    let verdict = timed(&mut || outcome = offline.take().map(Offline::finish));
    most = most.max(Memory::of_this_process()?.resident_bytes);
    let analysed = outcome.context("no outcome")?.evidence.len();
    anyhow::ensure!(analysed > 0, "none of {slices} slices was analysed");
    // slices come in the order of the series, so those beyond its bound are the last
    let kept = &costs[..analysed.min(slices)];
    let last = &kept[kept.len() - kept.len().div_ceil(10)..];
    Ok(StudyCost {
        analysed,
        cpu_ms_per_slice: (kept.iter().sum::<f64>() + verdict) / kept.len() as f64,
        last_tenth_ms: last.iter().sum::<f64>() / last.len() as f64,
        growth_mib: most.saturating_sub(before) as f64 / f64::from(1 << 20),
    })
}
