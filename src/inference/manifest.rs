//! `package.toml`: what a network takes, gives and is for. Text in, checked values out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::preprocess::{MetadataField, Recipe};

/// A checked manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens, at most 64.
    pub name: String,
    /// At most 32 characters.
    pub version: String,
    /// File of the network, beside the manifest.
    pub model: String,
    /// What it was trained on.
    pub trained_on: String,
    /// What it is for.
    pub intended_use: String,
    /// The image input.
    pub input: ImageInput,
    /// The numbers beside the image.
    pub metadata: Option<MetadataInput>,
    /// From Hounsfield units to the image input.
    pub preprocessing: Recipe,
    /// What the network gives.
    pub output: Output,
    /// The feature map beside it, of a fracture classifier.
    pub features: Option<FeaturesOutput>,
    /// The kind of network, with its operating point.
    pub head: Head,
    /// How it was quantised.
    pub quantisation: Option<Quantisation>,
    /// What was measured of it.
    pub metrics: BTreeMap<String, f64>,
    /// The cases that must hold before it is used.
    pub golden: Golden,
}

/// What a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Seven probabilities: which of C1 to C7 the slice shows.
    VertebraClassifier,
    /// Boxes around suspected fractures.
    FractureDetector,
    /// Seven probabilities: which of C1 to C7 is fractured in the slice; a second opinion that no verdict rests on.
    FractureClassifier,
}

impl Kind {
    /// As the manifest spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VertebraClassifier => "vertebra-classifier",
            Self::FractureDetector => "fracture-detector",
            Self::FractureClassifier => "fracture-classifier",
        }
    }
}

/// A kind with its operating point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// Seven probabilities.
    Classifier(ClassifierPoint),
    /// Boxes.
    Detector(DetectorPoint),
    /// Seven probabilities and a feature map.
    Fractures(FracturePoint),
}

impl Head {
    /// The kind alone.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Classifier(_) => Kind::VertebraClassifier,
            Self::Detector(_) => Kind::FractureDetector,
            Self::Fractures(_) => Kind::FractureClassifier,
        }
    }

    /// The operating point of a classifier.
    pub const fn classifier(&self) -> Option<ClassifierPoint> {
        if let Self::Classifier(point) = self { Some(*point) } else { None }
    }

    /// The operating point of a detector.
    pub const fn detector(&self) -> Option<DetectorPoint> {
        if let Self::Detector(point) = self { Some(*point) } else { None }
    }

    /// The operating point of a fracture classifier.
    pub const fn fractures(&self) -> Option<FracturePoint> {
        if let Self::Fractures(point) = self { Some(*point) } else { None }
    }
}

/// Where a classifier's probabilities are cut.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierPoint {
    /// Probability from which C1 to C7 count as shown.
    pub thresholds: [f32; 7],
    /// The detector runs where any probability reaches this.
    pub gate: f32,
}

/// Where a detector's scores are cut.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorPoint {
    /// Boxes below are dropped.
    pub score: f32,
    /// Of two boxes that overlap more than this, the better one stays.
    pub nms_iou: f32,
    /// Finding score from which a study is suspected.
    pub finding_score: f32,
}

/// Where a fracture classifier's probabilities are cut.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FracturePoint {
    /// Probability from which C1 to C7 count as fractured in the slice.
    pub thresholds: [f32; 7],
}

/// `[input]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    /// Name in the network.
    pub name: String,
    /// 1 x channels (1 or 3) x size x size.
    pub shape: [usize; 4],
}

impl ImageInput {
    /// Rows and columns of the image.
    pub const fn size(&self) -> usize {
        self.shape[2]
    }

    /// Channels of the image, 1 or 3.
    pub const fn channels(&self) -> usize {
        self.shape[1]
    }
}

/// `[metadata]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataInput {
    /// Name in the network.
    pub name: String,
    /// 1 x number of fields.
    pub shape: [usize; 2],
    /// What each number is.
    pub fields: Vec<MetadataField>,
}

/// `[output]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name in the network.
    pub name: String,
    /// Classifier: 1 x 7. Detector: 1 x (4 + classes) x N, the usual layout of a YOLOv8 export.
    pub shape: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// `[features]`: the last feature map, and the linear layer that reads its mean.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesOutput {
    /// Name in the network.
    pub name: String,
    /// 1 x channels x rows x columns.
    pub shape: [usize; 4],
    /// File of the weights, 7 x channels.
    pub weights: String,
    /// File of the bias, 7.
    pub bias: String,
}

impl FeaturesOutput {
    /// Channels of the map.
    pub const fn channels(&self) -> usize {
        self.shape[1]
    }
}

/// `[quantisation]`, for people.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
    /// How the weights became integers.
    pub method: String,
    /// How the activations became integers.
    #[serde(default)]
    pub activations: String,
    /// Layers left in floating point.
    #[serde(default)]
    pub float_layers: Vec<String>,
}

/// `[golden]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Folders `golden/0` to `golden/<cases - 1>`.
    pub cases: usize,
    /// Largest difference of an output; box coordinates count as fractions of the input's size.
    pub tolerance: f32,
}

/// The file as written, before the operating point is read as its kind asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    name: String,
    kind: Kind,
    version: String,
    model: String,
    trained_on: String,
    intended_use: String,
    input: ImageInput,
    metadata: Option<MetadataInput>,
    preprocessing: Recipe,
    output: Output,
    features: Option<FeaturesOutput>,
    operating_point: toml::Table,
    quantisation: Option<Quantisation>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    golden: Golden,
}

impl Manifest {
    /// Reads and checks `package.toml`.
    ///
    /// # Errors
    /// One line that names the key and, for an unknown one, the keys allowed there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| in_one_line(text, &error))?;
        let head = match document.kind {
            Kind::VertebraClassifier => Head::Classifier(point(&document.operating_point)?),
            Kind::FractureDetector => Head::Detector(point(&document.operating_point)?),
            Kind::FractureClassifier => Head::Fractures(point(&document.operating_point)?),
        };
        let Document { format, name, version, model, trained_on, intended_use, input, metadata, .. } = document;
        let Document { preprocessing, output, features, quantisation, metrics, golden, .. } = document;
        if format != 1 {
            return Err(format!("format = {format}: this version reads format 1"));
        }
        let manifest = Self {
            name,
            version,
            model,
            trained_on,
            intended_use,
            input,
            metadata,
            preprocessing,
            output,
            features,
            head,
            quantisation,
            metrics,
            golden,
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Name and shape of everything that the network gives, in the order in which an engine gives it.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &[usize])> {
        let features = self.features.iter().map(|features| (features.name.as_str(), features.shape.as_slice()));
        std::iter::once((self.output.name.as_str(), self.output.shape.as_slice())).chain(features)
    }
}

fn point<T: DeserializeOwned>(table: &toml::Table) -> Result<T, String> {
    table.clone().try_into().map_err(|error: toml::de::Error| format!("[operating_point]: {}", error.message()))
}

fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let line = |span: std::ops::Range<usize>| text.get(..span.start).map(|before| before.matches('\n').count() + 1);
    match error.span().and_then(line) {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
pub(super) mod tests;
