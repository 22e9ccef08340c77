//! The fracture classifier, asked about single slices outside the stream: a slice in, a probability per vertebra and the heat
//! behind each out.
//!
//! It stands beside the two networks that triage rests on and is never part of it: no verdict, priority or message knows of
//! it, and without it everything is as before.

use std::sync::Arc;

use crate::dicom::Slice;
use crate::inference::{
    EngineError, FracturePoint, Head, Heat, Kind, LinearHead, Loaded, Manifest, Model, ModelSummary,
};
use crate::preprocess::{PlaneError, Recipe, View, image_tensor, plane};
use crate::triage::Level;

/// A fracture classifier with the working memory of one thread.
pub struct SecondOpinion {
    manifest: Arc<Manifest>,
    point: FracturePoint,
    last_layer: LinearHead,
    model: Box<dyn Model>,
    summary: ModelSummary,
}

/// What it says of a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// That C1 to C7 are fractured in this slice, 0 to 1.
    pub probabilities: [f32; 7],
    /// Which of them reach their thresholds.
    pub said: [bool; 7],
    /// One map for each of C1 to C7.
    pub heat: [Heat; 7],
}

/// Why there is no opinion of a slice.
#[derive(Debug, thiserror::Error)]
pub enum OpinionError {
    /// The slice's pixels do not match its header.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// The network fails.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl SecondOpinion {
    /// Takes the fracture classifier out of the models of a folder; `None` where there is none.
    ///
    /// # Errors
    /// When there are several.
    pub fn take(loaded: &mut Vec<Loaded>) -> Result<Option<Self>, String> {
        let kind = Kind::FractureClassifier;
        let mut found: Vec<Self> =
            loaded.extract_if(.., |model| model.summary.kind == kind).filter_map(Self::of).collect();
        if let [_, _, ..] = found[..] {
            let names = found.iter().map(|one| one.summary.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(format!("several {} packages ({names}): keep one", kind.name()));
        }
        Ok(found.pop())
    }

    fn of(loaded: Loaded) -> Option<Self> {
        let Loaded { manifest, summary, model, last_layer, .. } = loaded;
        let point = Head::fractures(&manifest.head)?;
        Some(Self { point, last_layer: last_layer?, manifest, model, summary })
    }

    /// Which model it is.
    pub const fn model(&self) -> &ModelSummary {
        &self.summary
    }

    /// From Hounsfield units to what it sees.
    pub fn recipe(&self) -> &Recipe {
        &self.manifest.preprocessing
    }

    /// What it sees of a slice; its heat lies there.
    pub fn view(&self, slice: &Slice) -> View {
        View::of([slice.header.rows, slice.header.columns], slice.header.pixel_spacing, self.recipe())
    }

    /// Reads one slice.
    ///
    /// # Errors
    /// When its pixels do not match its header, or the network fails.
    pub fn of_slice(&mut self, slice: &Slice) -> Result<Opinion, OpinionError> {
        let view = self.view(slice);
        let Manifest { input, preprocessing, features, .. } = &*self.manifest;
        let image = plane(slice, view, preprocessing, input.size())?;
        let tensor = image_tensor([&image; 3], preprocessing, input.channels());
        let output = self.model.run(&tensor, None)?;
        let [_, _, rows, columns] = features.as_ref().map_or([0; 4], |features| features.shape);
        let broken = || EngineError::Output(format!("{} values, too few", output.len()));
        let (probabilities, map) = output.split_first_chunk::<7>().ok_or_else(broken)?;
        // integer kernels may overshoot a sigmoid by a rounding step, never by more
        let probabilities = probabilities.map(|p| p.clamp(0.0, 1.0));
        Ok(Opinion {
            probabilities,
            said: std::array::from_fn(|level| probabilities[level] >= self.point.thresholds[level]),
            heat: Level::ALL.map(|level| self.last_layer.heat(level, map, rows, columns)),
        })
    }
}
