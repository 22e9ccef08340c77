//! Which patients and which scanners a study is drawn from. Names only: the ranges are with what they describe.

/// A population of patients and scanners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// The one that networks are trained on: patients and scanners as in the published data.
    #[default]
    Standard,
    /// The same patients on scanners that no network was trained on: another kernel, noise, spacing, tilt, artefacts.
    UnseenScanner,
    /// Patients as no network was trained on, on the same scanners.
    UnseenAnatomy,
}
