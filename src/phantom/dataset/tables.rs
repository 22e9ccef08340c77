//! The tables of a data set, filled study by study.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::phantom::fracture::Fracture;
use crate::phantom::study::Study;
use crate::phantom::truth::SliceTruth;
use crate::triage::Level;

/// `train.csv`, `train_bounding_boxes.csv`, `slices.csv`, `fractures.csv`.
pub(super) struct Tables {
    studies: fs::File,
    boxes: fs::File,
    slices: fs::File,
    fractures: fs::File,
}

impl Tables {
    /// New ones with their headers.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let names = Level::ALL.map(Level::name).join(",");
        let table = |name: &str, head: String| -> anyhow::Result<fs::File> {
            let path = folder.join(name);
            let mut file = fs::File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
            writeln!(file, "{head}")?;
            Ok(file)
        };
        Ok(Self {
            studies: table("train.csv", format!("StudyInstanceUID,patient_overall,{names}"))?,
            boxes: table("train_bounding_boxes.csv", "StudyInstanceUID,x,y,width,height,slice_number".into())?,
            slices: table("slices.csv", format!("StudyInstanceUID,slice_number,{names}"))?,
            fractures: table("fractures.csv", "StudyInstanceUID,level,kind,difficulty,visible".into())?,
        })
    }

    /// Adds a study whose written slices, from number `first` on, show `truths`.
    ///
    /// # Errors
    /// When the tables cannot be written.
    pub(super) fn add(&mut self, study: &Study, uid: &str, first: usize, truths: &[SliceTruth]) -> std::io::Result<()> {
        // A fracture that no written slice shows is none for whoever reads them.
        let visible: [bool; 7] = std::array::from_fn(|level| truths.iter().any(|truth| truth.fractured[level]));
        writeln!(self.studies, "{uid},{},{}", u8::from(visible.contains(&true)), flags(visible))?;
        for Fracture { level, kind, difficulty } in study.fractures() {
            let shown = u8::from(visible[*level as usize]);
            writeln!(self.fractures, "{uid},{},{},{difficulty:.3},{shown}", level.name(), kind.name())?;
        }
        for (n, truth) in (first..).zip(truths) {
            writeln!(self.slices, "{uid},{n},{}", flags(truth.levels))?;
            for b in &truth.boxes {
                writeln!(self.boxes, "{uid},{}.0,{}.0,{}.0,{}.0,{n}", b.x, b.y, b.width, b.height)?;
            }
        }
        Ok(())
    }
}

fn flags(levels: [bool; 7]) -> String {
    levels.map(|shown| if shown { "1" } else { "0" }).join(",")
}
