//! Which patients and which scanners a study is drawn from. Names only: the ranges are with what they describe.

/// A population of patients and scanners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// The one that networks are trained on: patients and scanners as in the published data.
    #[default]
    Standard,
    /// Patients and scanners that differ more than the published ones, so that a network learns not to rest on what those share:
    /// false friends and variants more often, wider fields of view, a gantry that is slightly tilted, more kernels, less dose.
    /// For training, never for evaluation.
    Varied,
    /// The same patients on scanners that no network was trained on: another kernel, noise, spacing, tilt, artefacts.
    UnseenScanner,
    /// Patients as no network was trained on, on the same scanners.
    UnseenAnatomy,
}
