//! The documents for archive and hospital system, held against their standards.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "results/daemon.rs"]
mod daemon;
#[path = "results/definitions.rs"]
mod definitions;
#[path = "results/documents.rs"]
mod documents;
#[path = "results/filing.rs"]
mod filing;
#[path = "results/segments.rs"]
mod segments;

#[test]
#[ignore = "writes every sample in every format into the folder that RESULTS_SAMPLES names"]
fn write_the_samples() {
    let folder = spinewatch::results::Folder::new(std::env::var_os("RESULTS_SAMPLES").unwrap().into());
    for (name, result) in spinewatch::results::samples::all() {
        for format in documents::FORMATS {
            if let Some(bytes) = spinewatch::results::document(&result, format).unwrap() {
                folder.write(&spinewatch::results::file_name(name, format), &bytes).unwrap();
            }
        }
    }
}
