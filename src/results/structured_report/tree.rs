//! The content tree of TID 1500: language, device observer, procedure, a measurement group a finding (TID 1410) or vertebra
//! (TID 1501), and the verdict with its notices as qualitative evaluations.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::super::codes::{
    ASSESSMENT, AWAITED, CERTAINTY, CERVICAL_SPINE, CONTEXT_SUSPECTED, Code, FINDING_CONTEXT, FRACTURE, NONE_SUSPECTED,
    NOT_ANALYSED, PARTLY_ANALYSED, PROCEDURE, SUSPECTED, code, vertebra,
};
use super::super::dicom::Header;
use super::super::facts::percent;
use super::super::{LevelState, StudyResult, ids};
use super::content::{self, Relation, container, of_template};
use crate::publish::FindingPayload;
use crate::triage::Level;

const REPORT: Code = code("126000", "DCM", "Imaging Measurement Report");
const LANGUAGE: Code = code("121049", "DCM", "Language of Content Item and Descendants");
const ENGLISH: Code = code("en-GB", "RFC5646", "English (United Kingdom)");
const OBSERVER_TYPE: Code = code("121005", "DCM", "Observer Type");
const DEVICE: Code = code("121007", "DCM", "Device");
const DEVICE_UID: Code = code("121012", "DCM", "Device Observer UID");
const DEVICE_NAME: Code = code("121013", "DCM", "Device Observer Name");
const DEVICE_MANUFACTURER: Code = code("121014", "DCM", "Device Observer Manufacturer");
const DEVICE_MODEL: Code = code("121015", "DCM", "Device Observer Model Name");
const PROCEDURE_REPORTED: Code = code("121058", "DCM", "Procedure reported");
const MEASUREMENTS: Code = code("126010", "DCM", "Imaging Measurements");
const GROUP: Code = code("125007", "DCM", "Measurement Group");
const EVALUATIONS: Code = code("C0034375", "UMLS", "Qualitative Evaluations");
const TRACKING: Code = code("112039", "DCM", "Tracking Identifier");
const TRACKING_UID: Code = code("112040", "DCM", "Tracking Unique Identifier");
const FINDING: Code = code("121071", "DCM", "Finding");
const FINDING_SITE: Code = code("363698007", "SCT", "Finding Site");
const ALGORITHM: Code = code("111001", "DCM", "Algorithm Name");
const ALGORITHM_VERSION: Code = code("111003", "DCM", "Algorithm Version");
const ALGORITHM_PARAMETERS: Code = code("111002", "DCM", "Algorithm Parameters");
const IMAGE_REGION: Code = code("111030", "DCM", "Image Region");
const COMMENT: Code = code("121106", "DCM", "Comment");

/// The root and all below it.
pub fn put(header: &mut Header, result: &StudyResult) {
    header.put(tags::VALUE_TYPE, VR::CS, "CONTAINER");
    header.put(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    header.code(tags::CONCEPT_NAME_CODE_SEQUENCE, REPORT);
    header.items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![of_template("1500")]);
    let mut content = vec![content::code(Relation::HasConceptModifier, LANGUAGE, ENGLISH)];
    content.extend(observer(result));
    content.push(content::code(Relation::HasConceptModifier, PROCEDURE_REPORTED, PROCEDURE));
    let groups = Level::ALL.iter().flat_map(|level| groups(result, *level)).collect();
    content.push(container(MEASUREMENTS, None, groups));
    content.push(container(EVALUATIONS, None, evaluations(result)));
    header.items(tags::CONTENT_SEQUENCE, content);
}

/// TID 1002 and 1004: a device, and no person.
fn observer(result: &StudyResult) -> Vec<Header> {
    let told = &result.told;
    let context = Relation::HasObservationContext;
    vec![
        content::code(context, OBSERVER_TYPE, DEVICE),
        content::uid(context, DEVICE_UID, &ids::uid(&result.of_device("observer"))),
        content::text(context, DEVICE_NAME, &format!("{}/{}", told.site, told.device)),
        content::text(context, DEVICE_MANUFACTURER, "Spinewatch"),
        content::text(context, DEVICE_MODEL, &format!("Spinewatch {}", env!("CARGO_PKG_VERSION"))),
    ]
}

/// Of a vertebra with findings one group a finding, of another one group that says how it stands.
fn groups(result: &StudyResult, level: Level) -> Vec<Header> {
    let findings: Vec<Header> = result
        .told
        .findings
        .iter()
        .filter(|finding| finding.level == level)
        .map(|finding| finding_group(result, finding))
        .collect();
    if findings.is_empty() { vec![level_group(result, level)] } else { findings }
}

/// TID 1410 where the slice is known, otherwise TID 1501 without a region.
fn finding_group(result: &StudyResult, finding: &FindingPayload) -> Header {
    let best = &finding.best_slice;
    let region = result
        .source(&best.slice_key)
        .zip(best.fracture_box)
        .map(|(source, fracture_box)| content::region(IMAGE_REGION, fracture_box, source));
    let template = if region.is_some() { "1410" } else { "1501" };
    let mut group = tracking(result, finding.level);
    group.push(content::code(Relation::Contains, FINDING, FRACTURE));
    group.push(content::code(Relation::Contains, FINDING_SITE, vertebra(finding.level)));
    group.extend(algorithm(result));
    group.extend(region);
    group.push(content::percent(CERTAINTY, percent(finding.score)));
    group.push(content::code(Relation::Contains, FINDING_CONTEXT, CONTEXT_SUSPECTED));
    group.push(content::code(Relation::Contains, ASSESSMENT, SUSPECTED));
    container(GROUP, Some(template), group)
}

/// TID 1501.
fn level_group(result: &StudyResult, level: Level) -> Header {
    let mut group = tracking(result, level);
    group.push(content::code(Relation::Contains, FINDING_SITE, vertebra(level)));
    let evaluation = |value| content::code(Relation::Contains, ASSESSMENT, value);
    match result.level(level) {
        // told as a finding; kept so that no state can be forgotten
        LevelState::Suspected(score) => {
            group.extend([content::percent(CERTAINTY, percent(score)), evaluation(SUSPECTED)])
        }
        LevelState::NoneSuspected(score) => {
            group.extend(algorithm(result));
            group.extend([content::percent(CERTAINTY, percent(score)), evaluation(NONE_SUSPECTED)]);
        }
        LevelState::Awaited => group.push(evaluation(AWAITED)),
        LevelState::NotAnalysed(why) => {
            group.extend([evaluation(NOT_ANALYSED), content::text(Relation::Contains, COMMENT, &why)]);
        }
    }
    container(GROUP, Some("1501"), group)
}

/// TID 4108: the same for every revision of the study.
fn tracking(result: &StudyResult, level: Level) -> Vec<Header> {
    let context = Relation::HasObservationContext;
    let uid = ids::uid(&[&result.told.study_key, "tracking", level.name()]);
    vec![content::text(context, TRACKING, level.name()), content::uid(context, TRACKING_UID, &uid)]
}

/// TID 4019.
fn algorithm(result: &StudyResult) -> Vec<Header> {
    let modifier = Relation::HasConceptModifier;
    let parameters = result.told.models.iter().map(|model| {
        let words = format!("{} {} sha256:{}", model.name, model.version, model.digest);
        content::text(modifier, ALGORITHM_PARAMETERS, &words)
    });
    [
        content::text(modifier, ALGORITHM, "Spinewatch cervical fracture triage"),
        content::text(modifier, ALGORITHM_VERSION, env!("CARGO_PKG_VERSION")),
    ]
    .into_iter()
    .chain(parameters)
    .collect()
}

/// The verdict over the neck, what is missing, and what a reader must know.
fn evaluations(result: &StudyResult) -> Vec<Header> {
    let verdict = match result.told.verdict.as_str() {
        "suspected" => SUSPECTED,
        "none_suspected" => NONE_SUSPECTED,
        "partly_analysed" => PARTLY_ANALYSED,
        _ => NOT_ANALYSED,
    };
    let comment = |words: String| content::text(Relation::Contains, COMMENT, &words);
    [
        content::code(Relation::Contains, FINDING_SITE, CERVICAL_SPINE),
        content::code(Relation::Contains, ASSESSMENT, verdict),
    ]
    .into_iter()
    .chain(std::iter::once(result.verdict_words()).map(comment))
    .chain(result.missing_words().map(|words| comment(format!("Missing: {words}"))))
    .chain(result.notices().into_iter().map(comment))
    .collect()
}
