//! What the values of a manifest must be, beyond their types; every fault names its key.

use crate::inference::manifest::{FeaturesOutput, Golden, MetadataInput, Output};
use crate::inference::{ClassifierPoint, DetectorPoint, FracturePoint, Head, Kind, Manifest};
use crate::preprocess::Neighbours;
use crate::triage::Level;

impl Manifest {
    /// Holds when every value can be used.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_words()?;
        self.check_inputs()?;
        self.check_features()?;
        self.check_head()
    }

    fn check_words(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = &self.name;
        ensure((1..=64).contains(&name.len()) && name.chars().all(plain), || {
            format!("name = {name:?}: must be 1 to 64 of a-z, 0-9 and hyphen")
        })?;
        let version = &self.version;
        ensure((1..=32).contains(&version.len()) && version.chars().all(|c| c.is_ascii_graphic()), || {
            format!("version = {version:?}: must be 1 to 32 visible ASCII characters")
        })?;
        file("model", &self.model)
    }

    fn check_inputs(&self) -> Result<(), String> {
        let [batch, channels, rows, columns] = self.input.shape;
        ensure(batch == 1 && matches!(channels, 1 | 3) && rows == columns && (8..=2048).contains(&rows), || {
            format!("[input] shape = {:?}: must be [1, 1 or 3, size, size] with size 8 to 2048", self.input.shape)
        })?;
        ensure(channels == 3 || self.preprocessing.neighbours == Neighbours::None, || {
            "[preprocessing] neighbours = \"adjacent\" needs 3 channels in [input] shape".to_owned()
        })?;
        if let Some(MetadataInput { shape, fields, .. }) = &self.metadata {
            ensure(!fields.is_empty() && *shape == [1, fields.len()], || {
                format!("[metadata] shape = {shape:?}: must be [1, {}], the number of fields", fields.len())
            })?;
        }
        let Golden { cases, tolerance } = self.golden;
        ensure((1..=32).contains(&cases), || format!("[golden] cases = {cases}: must be 1 to 32"))?;
        ensure(tolerance > 0.0 && tolerance <= 0.25, || {
            format!("[golden] tolerance = {tolerance}: must be above 0 and at most 0.25, or it proves nothing")
        })?;
        self.preprocessing.fault().map_or(Ok(()), Err)
    }

    fn check_features(&self) -> Result<(), String> {
        let wanted = self.head.kind() == Kind::FractureClassifier;
        let Some(FeaturesOutput { shape, weights, bias, .. }) = &self.features else {
            return ensure(!wanted, || "[features] is missing: a fracture-classifier shows where it looks".to_owned());
        };
        let kind = self.head.kind().name();
        ensure(wanted, || format!("[features]: a {kind} has none"))?;
        let [batch, channels, rows, columns] = *shape;
        let fits =
            batch == 1 && (1..=4096).contains(&channels) && [rows, columns].iter().all(|n| (1..=2048).contains(n));
        ensure(fits, || format!("[features] shape = {shape:?}: must be [1, 1 to 4096, 1 to 2048, 1 to 2048]"))?;
        file("[features] weights", weights)?;
        file("[features] bias", bias)?;
        // it is asked about single slices, outside the stream
        ensure(self.metadata.is_none(), || format!("[metadata]: a {kind} takes the image alone"))?;
        ensure(self.preprocessing.neighbours == Neighbours::None, || {
            format!("[preprocessing] neighbours = \"adjacent\": a {kind} takes one slice alone")
        })
    }

    fn check_head(&self) -> Result<(), String> {
        let Output { shape, classes, .. } = &self.output;
        match &self.head {
            Head::Classifier(ClassifierPoint { thresholds, gate }) => {
                self.check_levels(thresholds)?;
                fraction("gate", *gate)
            }
            Head::Fractures(FracturePoint { thresholds }) => self.check_levels(thresholds),
            Head::Detector(DetectorPoint { score, nms_iou, finding_score }) => {
                let rows = 4 + classes.len();
                ensure(!classes.is_empty(), || "[output] classes = []: name at least one".to_owned())?;
                ensure(matches!(shape[..], [1, r, n] if r == rows && (1..=1 << 20).contains(&n)), || {
                    let transposed = matches!(shape[..], [1, _, r] if r == rows);
                    let hint =
                        if transposed { " (this is the transposed layout: export without transposing)" } else { "" };
                    format!(
                        "[output] shape = {shape:?}: must be [1, {rows}, N], 4 + {} classes by boxes{hint}",
                        rows - 4
                    )
                })?;
                fraction("score", *score)?;
                fraction("nms_iou", *nms_iou)?;
                fraction("finding_score", *finding_score)
            }
        }
    }

    /// Seven probabilities, and where they are cut.
    fn check_levels(&self, thresholds: &[f32; 7]) -> Result<(), String> {
        let Output { shape, classes, .. } = &self.output;
        ensure(*shape == [1, 7], || format!("[output] shape = {shape:?}: must be [1, 7]"))?;
        ensure(classes.iter().map(String::as_str).eq(Level::ALL.map(Level::name)), || {
            format!("[output] classes = {classes:?}: must be C1 to C7 in this order")
        })?;
        thresholds.iter().try_for_each(|&threshold| fraction("thresholds", threshold))
    }
}

/// The name of a file of the package, without a folder.
fn file(key: &str, name: &str) -> Result<(), String> {
    ensure(!name.is_empty() && !name.contains(['/', '\\']) && name != "..", || {
        format!("{key} = {name:?}: must be the name of a file in the package's own folder")
    })
}

fn fraction(key: &str, value: f32) -> Result<(), String> {
    ensure(value > 0.0 && value <= 1.0, || format!("[operating_point] {key} = {value}: must be above 0, at most 1"))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
