//! The two DICOM documents: read back, held against `dciodvfy` and `dsrdump`; and what all formats have in common.

use std::process::Command;

use dicom_object::InMemDicomObject;
use spinewatch::config::ResultFormat;
use spinewatch::results::{StudyResult, document, file_name, samples};

pub const FORMATS: [ResultFormat; 4] =
    [ResultFormat::Fhir, ResultFormat::DicomSr, ResultFormat::DicomSc, ResultFormat::Hl7];

fn read(bytes: &[u8]) -> InMemDicomObject {
    dicom_object::from_reader(bytes).unwrap().into_inner()
}

fn text(object: &InMemDicomObject, name: &str) -> String {
    object.element_by_name(name).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

fn items<'a>(object: &'a InMemDicomObject, name: &str) -> &'a [InMemDicomObject] {
    object.element_by_name(name).map(|element| element.items().unwrap()).unwrap_or_default()
}

fn structured_report(result: &StudyResult) -> InMemDicomObject {
    read(&document(result, ResultFormat::DicomSr).unwrap().unwrap())
}

/// Every content item below `item`, with the meaning of its name.
fn content<'a>(item: &'a InMemDicomObject, found: &mut Vec<(String, &'a InMemDicomObject)>) {
    for child in items(item, "ContentSequence") {
        let name = items(child, "ConceptNameCodeSequence").first().map(|code| text(code, "CodeMeaning"));
        found.push((name.unwrap_or_default(), child));
        content(child, found);
    }
}

#[test]
fn every_study_gets_a_report_that_is_preliminary_and_unverified() {
    for (name, result) in samples::all() {
        let report = structured_report(&result);
        assert_eq!(text(&report, "VerificationFlag"), "UNVERIFIED", "{name}");
        assert_eq!(text(&report, "PreliminaryFlag"), "PRELIMINARY", "{name}");
        let complete = ["suspected", "none-suspected", "withdrawn"].contains(&name);
        assert_eq!(text(&report, "CompletionFlag"), if complete { "COMPLETE" } else { "PARTIAL" }, "{name}");
        let mut found = Vec::new();
        content(&report, &mut found);
        let levels = found.iter().filter(|(name, _)| name == "Tracking Identifier").count();
        assert_eq!(levels, 7, "{name}: each vertebra is told");
        let notice =
            found.iter().any(|(name, item)| name == "Comment" && text(item, "TextValue").contains("not for diagnosis"));
        assert!(notice, "{name}");
    }
}

#[test]
fn a_finding_lies_on_its_slice_with_its_box() {
    let result = samples::suspected();
    let report = structured_report(&result);
    let mut found = Vec::new();
    content(&report, &mut found);
    let regions: Vec<_> = found.iter().filter(|(name, _)| name == "Image Region").collect();
    assert_eq!(regions.len(), 2);
    let finding = &result.told.findings[0];
    let source = result.source(&finding.best_slice.slice_key).unwrap();
    let region = regions
        .iter()
        .find(|(_, region)| {
            let image = &items(region, "ContentSequence")[0];
            text(&items(image, "ReferencedSOPSequence")[0], "ReferencedSOPInstanceUID") == source.sop_instance_uid
        })
        .unwrap();
    let b = finding.best_slice.fracture_box.unwrap();
    let graphic = region.1.element_by_name("GraphicData").unwrap().to_multi_float32().unwrap();
    assert_eq!(graphic[..4], [b.x, b.y, b.x + b.width, b.y]);
    assert_eq!(graphic[8..], graphic[..2], "closed");
    let evidence = &items(&report, "CurrentRequestedProcedureEvidenceSequence")[0];
    assert_eq!(text(evidence, "StudyInstanceUID"), result.told.study_instance_uid.unwrap());
}

#[test]
fn a_revision_names_the_one_before_by_the_uid_that_it_had() {
    let (withdrawn, mut before) = (samples::withdrawn(), samples::suspected());
    before.told.event_id = withdrawn.told.supersedes.clone().unwrap();
    let predecessor = &items(&structured_report(&withdrawn), "PredecessorDocumentsSequence")[0].clone();
    let instance = &items(&items(predecessor, "ReferencedSeriesSequence")[0], "ReferencedSOPSequence")[0];
    let named = text(instance, "ReferencedSOPInstanceUID");
    assert_eq!(named, text(&structured_report(&before), "SOPInstanceUID"));
    assert_ne!(named, text(&structured_report(&withdrawn), "SOPInstanceUID"));
}

#[test]
fn a_key_picture_is_made_of_suspicions_and_their_withdrawals_only() {
    for (name, result) in samples::all() {
        let made = document(&result, ResultFormat::DicomSc).unwrap();
        let expected = ["suspected", "provisional", "withdrawn"].contains(&name);
        assert_eq!(made.is_some(), expected, "{name}");
        let Some(bytes) = made else { continue };
        let picture = read(&bytes);
        assert_eq!(text(&picture, "BurnedInAnnotation"), "YES");
        let pixels = picture.element_by_name("PixelData").unwrap().to_bytes().unwrap();
        assert_eq!(pixels.len(), 512 * 512 * 3);
        let is_red = |rgb: &[u8]| rgb == [0xD0, 0, 0];
        let is_yellow = |rgb: &[u8]| rgb == [0xFF, 0xD6, 0];
        let count = |which: &dyn Fn(&[u8]) -> bool| pixels.chunks(3).filter(|rgb| which(rgb)).count();
        assert_eq!(
            count(&is_red) > 10_000,
            name != "withdrawn",
            "{name}: the headline is red while a suspicion stands"
        );
        assert_eq!(count(&is_yellow) > 200, name != "withdrawn", "{name}: the box");
    }
}

#[test]
fn the_same_revision_gives_the_same_bytes() {
    for (_, result) in samples::all() {
        for format in FORMATS {
            assert_eq!(document(&result, format).unwrap(), document(&result.clone(), format).unwrap());
        }
    }
}

#[test]
fn no_document_says_final_diagnosis_or_clear() {
    for (name, result) in samples::all() {
        for format in FORMATS {
            let Some(bytes) = document(&result, format).unwrap() else { continue };
            let words = String::from_utf8_lossy(&bytes).to_lowercase();
            let words = words.replace("not for diagnosis", "").replace("not a clearance", "");
            assert!(String::from_utf8_lossy(&bytes).contains("not for diagnosis"), "{name} {}", format.name());
            for never in ["\"final\"", "diagnosis", "cleared", "clearance", "no fracture.", "normal"] {
                assert!(!words.contains(never), "{name} {}: {never}", format.name());
            }
            let phantom = result.told.limitation.is_some();
            assert_eq!(words.contains("synthetic phantoms"), phantom, "{name} {}", format.name());
        }
    }
}

#[test]
fn without_clear_identifiers_no_uid_leaves_and_no_dicom_is_made() {
    for (name, clear) in samples::all() {
        let result = samples::hashed(clear);
        for format in [ResultFormat::Fhir, ResultFormat::Hl7] {
            let bytes = document(&result, format).unwrap().unwrap();
            assert!(!String::from_utf8(bytes).unwrap().contains("2.25.2198"), "{name} {}", format.name());
        }
        let error = document(&result, ResultFormat::DicomSr).unwrap_err().to_string();
        assert!(error.contains("privacy.identifiers"), "{error}");
    }
}

/// Runs a checker over every sample in a format; `None`, with a word, where it is not installed.
fn checked(program: &str, arguments: &[&str], format: ResultFormat) -> Option<Vec<(&'static str, String)>> {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for (name, result) in samples::all() {
        let Some(bytes) = document(&result, format).unwrap() else { continue };
        let path = folder.path().join(file_name(name, format));
        std::fs::write(&path, bytes).unwrap();
        let Ok(output) = Command::new(program).args(arguments).arg(&path).output() else {
            println!("skipped: {program} is not installed");
            return None;
        };
        let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success() || program == "dciodvfy", "{program} {name}: {words}");
        said.push((name, words));
    }
    Some(said)
}

#[test]
fn dciodvfy_finds_no_error_in_reports_and_pictures() {
    for (format, iod) in [(ResultFormat::DicomSr, "Comprehensive3DSR"), (ResultFormat::DicomSc, "SCImage")] {
        for (name, words) in checked("dciodvfy", &[], format).unwrap_or_default() {
            let errors: Vec<&str> = words.lines().filter(|line| line.starts_with("Error")).collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}");
            assert!(words.contains(iod), "{name} was not recognised: {words}");
        }
    }
}

#[test]
fn dsrdump_reads_every_report() {
    for (name, words) in checked("dsrdump", &["+Pl"], ResultFormat::DicomSr).unwrap_or_default() {
        for part in ["Imaging Measurement Report", "C5 vertebra", "Qualitative Evaluations", "not for diagnosis"] {
            assert!(words.contains(part), "{name}: {part} is missing from {words}");
        }
        // its checker of values knows ASCII only, and says so
        let complaint =
            |line: &&str| line.starts_with("E:") || (line.starts_with("W:") && !line.contains("VR checker"));
        assert_eq!(words.lines().find(complaint), None, "{name}");
    }
}
