//! The verdict in the formats of the field, beside the JSON on the wire: FHIR R4, DICOM SR, Secondary Capture, HL7 v2.
//!
//! Takes in a [`StudyResult`] (one revision of a study's verdict), hands on the bytes of a document; [`Writer`] puts them into
//! a folder from which a PACS gateway, a FHIR client or an HL7 engine takes them. The builders are pure: the same revision
//! gives the same bytes. None of them ever says "final", "diagnosis" or "clear", none invents an identity, and a vertebra
//! that was not analysed is told as such in every format. Never in the path of an alert: the writer has a thread of its own.
//!
//! | format | file | what |
//! |---|---|---|
//! | `fhir` | `<event id>.fhir.json` | FHIR R4 transaction Bundle ([`fhir`]) |
//! | `dicom-sr` | `<event id>.sr.dcm` | Comprehensive 3D SR, TID 1500 ([`structured_report`]) |
//! | `dicom-sc` | `<event id>.sc.dcm` | Secondary Capture, of suspicions and their withdrawals ([`secondary_capture`]) |
//! | `hl7` | `<event id>.hl7` | HL7 v2.5.1 ORU^R01 ([`hl7`]) |

mod codes;

mod ids;

mod facts;

pub mod fhir;

mod dicom;

pub mod structured_report;

pub mod secondary_capture;

pub mod hl7;

mod folder;

mod writer;

pub mod samples;

pub use dicom::Unwritable;
pub use facts::{LevelState, StudyResult};
pub use folder::{Folder, file_name};
pub use writer::{Outcome, Writer};

use crate::config::ResultFormat;

/// The document of a revision in one format; `None` where there is none in this format (a Secondary Capture of a study in
/// which nothing is and was suspected).
///
/// # Errors
/// [`Unwritable`], naming what is missing; only of the two DICOM formats.
pub fn document(result: &StudyResult, format: ResultFormat) -> Result<Option<Vec<u8>>, Unwritable> {
    match format {
        ResultFormat::Fhir => Ok(Some(fhir::bytes(result))),
        ResultFormat::DicomSr => structured_report::bytes(result).map(Some),
        ResultFormat::DicomSc => secondary_capture::bytes(result),
        ResultFormat::Hl7 => Ok(Some(hl7::message(result).into_bytes())),
    }
}
