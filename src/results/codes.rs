//! Coded concepts, each with where it is from. Data only.
//!
//! Vertebrae: DICOM PS3.16 CID 7603 "Vertebra". The own scheme holds the words that no standard scheme has: "none
//! suspected" is neither "absent" nor "normal".

use crate::triage::Level;

/// A concept: code, scheme designator of DICOM (PS3.16 table 8-1), meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub value: &'static str,
    pub scheme: &'static str,
    pub meaning: &'static str,
}

pub const fn code(value: &'static str, scheme: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme, meaning }
}

/// Scheme designator of the own concepts; a private one begins with 99 (PS3.16 section 8.2).
pub const OWN: &str = "99SPINEWATCH";
/// The same as a FHIR code system.
pub const OWN_SYSTEM: &str = "https://github.com/spinewatch/spinewatch/codes";

/// LOINC: CT of the cervical spine, with or without contrast (which the device does not know).
pub const PROCEDURE: Code = code("24932-6", "LN", "CT Cervical spine");
/// DICOM CID 4031 among others.
pub const CERVICAL_SPINE: Code = code("122494005", "SCT", "Cervical spine");
/// SNOMED CT, disorder. Only ever told together with [`SUSPECTED`] as its context.
pub const FRACTURE: Code = code("125605004", "SCT", "Fracture of bone");
/// SNOMED CT attribute "Finding context".
pub const FINDING_CONTEXT: Code = code("408729009", "SCT", "Finding context");
/// SNOMED CT, a value of [`FINDING_CONTEXT`].
pub const CONTEXT_SUSPECTED: Code = code("415684004", "SCT", "Suspected");
/// DICOM: how certain a device is of an individual finding, 0 to 100. Not a probability.
pub const CERTAINTY: Code = code("111012", "DCM", "Certainty of Finding");
/// UCUM.
pub const PERCENT: Code = code("%", "UCUM", "Percent");

/// Whether a fracture is suspected in a vertebra or a study; one of the four below.
pub const ASSESSMENT: Code = code("fracture-triage", OWN, "Fracture triage");
/// Review first.
pub const SUSPECTED: Code = code("suspected", OWN, "Suspected");
/// Analysed, and none suspected. Not a clearance.
pub const NONE_SUSPECTED: Code = code("none-suspected", OWN, "None suspected");
/// Of a study: analysed in part, none suspected in that part.
pub const PARTLY_ANALYSED: Code = code("partly-analysed", OWN, "Partly analysed");
/// Not analysed.
pub const NOT_ANALYSED: Code = code("not-analysed", OWN, "Not analysed");
/// Not analysed yet: slices still arrive.
pub const AWAITED: Code = code("awaited", OWN, "Awaited");

/// C1 to C7.
pub const fn vertebra(level: Level) -> Code {
    let (value, meaning) = match level {
        Level::C1 => ("14806007", "C1 vertebra"),
        Level::C2 => ("39976000", "C2 vertebra"),
        Level::C3 => ("113205007", "C3 vertebra"),
        Level::C4 => ("5329002", "C4 vertebra"),
        Level::C5 => ("36978003", "C5 vertebra"),
        Level::C6 => ("36054005", "C6 vertebra"),
        Level::C7 => ("87391001", "C7 vertebra"),
    };
    code(value, "SCT", meaning)
}
