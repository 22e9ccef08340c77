//! HL7 v2.5.1 ORU^R01 as text, segments ended by carriage returns, UTF-8. Pure.
//!
//! `OBR-25` is `P` (preliminary) always. `OBX-11` is `P` for what was analysed, `I` (results pending) for a vertebra whose slices
//! are awaited, `X` (cannot be obtained) for one that was not analysed; never `F`, nor `C` and `W`, which presuppose an `F`.
//! `OBR-3` is the event id, `MSH-10` is derived from it (20 characters are allowed there): an engine that has seen it may drop
//! a second delivery. `PID-3` is the study key as an anonymous identifier, and `PID-5` an empty name of type `S` (pseudonym):
//! the device knows no person.

use jiff::Timestamp;

use super::codes::{
    ASSESSMENT, AWAITED, CERTAINTY, Code, NONE_SUSPECTED, NOT_ANALYSED, OWN, PARTLY_ANALYSED, PROCEDURE, SUSPECTED,
    code,
};
use super::facts::percent;
use super::{LevelState, StudyResult, ids};
use crate::triage::Level;

/// LOINC.
const IMPRESSION: Code = code("19005-8", "LN", "Impressions");
/// DICOM, as IHE's results in HL7 name the study.
const STUDY_UID: Code = code("110180", "DCM", "Study Instance UID");
/// The device's own.
const MISSING: Code = code("missing", OWN, "What is missing");
const NOTICE: Code = code("notice", OWN, "Notice");

/// The message.
pub fn message(result: &StudyResult) -> String {
    let mut segments = vec![msh(result), pid(result), obr(result)];
    let observations = observations(result);
    segments.extend((1..).zip(&observations).map(|(number, observation)| observation.segment(number, result)));
    segments.into_iter().map(|segment| segment + "\r").collect()
}

/// One OBX before it has its number.
struct Observation {
    kind: &'static str,
    what: String,
    of: String,
    value: String,
    units: &'static str,
    status: &'static str,
}

impl Observation {
    fn text(what: Code, value: &str) -> Self {
        let (what, value) = (coded(what), escaped(value));
        Self { kind: "TX", what, of: String::new(), value, units: "", status: "P" }
    }

    fn segment(&self, number: usize, result: &StudyResult) -> String {
        let Self { kind, what, of, value, units, status } = self;
        let at = time(result);
        let device = format!("{}^{}", escaped(&result.told.device), escaped(&result.told.site));
        fields(&[
            "OBX",
            &number.to_string(),
            kind,
            what,
            of,
            value,
            units,
            "",
            "",
            "",
            "",
            status,
            "",
            "",
            &at,
            "",
            "",
            "",
            &device,
        ])
    }
}

fn observations(result: &StudyResult) -> Vec<Observation> {
    let told = &result.told;
    let verdict = match told.verdict.as_str() {
        "suspected" => SUSPECTED,
        "none_suspected" => NONE_SUSPECTED,
        "partly_analysed" => PARTLY_ANALYSED,
        _ => NOT_ANALYSED,
    };
    let (what, value) = (coded(ASSESSMENT), coded(verdict));
    let mut all = vec![
        Observation { kind: "CWE", what, of: "STUDY".to_owned(), value, units: "", status: "P" },
        Observation::text(IMPRESSION, &result.verdict_words()),
    ];
    all.extend(Level::ALL.into_iter().flat_map(|level| of_level(result, level)));
    all.extend(result.missing_words().map(|words| Observation::text(MISSING, &words)));
    all.extend(result.notices().iter().map(|notice| Observation::text(NOTICE, notice)));
    if let Some(uid) = &told.study_instance_uid {
        all.push(Observation { kind: "ST", ..Observation::text(STUDY_UID, uid) });
    }
    all
}

/// The assessment of a vertebra, and its strength where there is one. The sub-id groups the two.
fn of_level(result: &StudyResult, level: Level) -> Vec<Observation> {
    let (verdict, score, status, why) = match result.level(level) {
        LevelState::Suspected(score) => (SUSPECTED, Some(score), "P", None),
        LevelState::NoneSuspected(score) => (NONE_SUSPECTED, Some(score), "P", None),
        LevelState::Awaited => (AWAITED, None, "I", None),
        LevelState::NotAnalysed(why) => (NOT_ANALYSED, None, "X", Some(why)),
    };
    let (of, what) = (level.name().to_owned(), coded(ASSESSMENT));
    // the ninth component of a CWE is the original text
    let value = why.map_or_else(|| coded(verdict), |why| format!("{}^^^^^^{}", coded(verdict), escaped(&why)));
    let mut all = vec![Observation { kind: "CWE", what, of: of.clone(), value, units: "", status }];
    if let Some(score) = score {
        let value = format!("{:.1}", percent(score));
        all.push(Observation { kind: "NM", what: coded(CERTAINTY), of, value, units: "%^Percent^UCUM", status });
    }
    all
}

fn msh(result: &StudyResult) -> String {
    let told = &result.told;
    let (site, at) = (escaped(&told.site), stamp(result.at));
    let id: String = ids::uuid(&result.of_revision("hl7")).replace('-', "").chars().take(20).collect();
    let head = ["MSH", "^~\\&", "SPINEWATCH", &site, "", "", &at, "", "ORU^R01^ORU_R01", &id, "P", "2.5.1"];
    fields(&[&head[..], &["", "", "", "", "", "UNICODE UTF-8"]].concat())
}

fn pid(result: &StudyResult) -> String {
    let key = format!("{}^^^SPINEWATCH^ANON", escaped(&result.told.study_key));
    fields(&["PID", "1", "", &key, "", "^^^^^^S"])
}

fn obr(result: &StudyResult) -> String {
    let id = format!("{}^SPINEWATCH", escaped(&result.told.event_id));
    let (what, at) = (coded(PROCEDURE), time(result));
    let mut obr = vec!["OBR", "1", "", &id, &what, "", "", &at];
    obr.resize(22, "");
    obr.extend([at.as_str(), "", "CT", "P"]);
    fields(&obr)
}

/// The fields of a segment, empty ones at the end left out.
fn fields(fields: &[&str]) -> String {
    fields.join("|").trim_end_matches('|').to_owned()
}

/// `code^meaning^scheme` (CWE); HL7 table 0396 names the schemes as DICOM does.
fn coded(code: Code) -> String {
    format!("{}^{}^{}", escaped(code.value), escaped(code.meaning), code.scheme)
}

/// A time of the study; left out while the clock is not trusted.
fn time(result: &StudyResult) -> String {
    if result.told.clock_trusted { stamp(result.at) } else { String::new() }
}

/// `MSH-7` must be there: of a clock that is not trusted, a notice says so.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S%.3f+0000").to_string()
}

/// The delimiters and line ends of a text, escaped (chapter 2.7).
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\\' => out.push_str("\\E\\"),
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\r' | '\n' => out.push_str("\\.br\\"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}
