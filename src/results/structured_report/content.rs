//! Content items of a structured report (PS3.3 C.17.3), one function a value type.

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;

use super::super::codes::{Code, PERCENT};
use super::super::dicom::{Header, class_of};
use crate::store::SourceSlice;
use crate::triage::FractureBox;

/// How an item stands to its parent.
#[derive(Clone, Copy)]
pub enum Relation {
    Contains,
    HasObservationContext,
    HasConceptModifier,
    SelectedFrom,
}

impl Relation {
    const fn name(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasObservationContext => "HAS OBS CONTEXT",
            Self::HasConceptModifier => "HAS CONCEPT MOD",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

fn item(relation: Relation, value_type: &str, name: Option<Code>) -> Header {
    let mut item = Header::default();
    item.put(tags::RELATIONSHIP_TYPE, VR::CS, relation.name());
    item.put(tags::VALUE_TYPE, VR::CS, value_type);
    if let Some(name) = name {
        item.code(tags::CONCEPT_NAME_CODE_SEQUENCE, name);
    }
    item
}

/// CODE
pub fn code(relation: Relation, name: Code, value: Code) -> Header {
    let mut item = item(relation, "CODE", Some(name));
    item.code(tags::CONCEPT_CODE_SEQUENCE, value);
    item
}

/// TEXT
pub fn text(relation: Relation, name: Code, value: &str) -> Header {
    let mut item = item(relation, "TEXT", Some(name));
    item.put(tags::TEXT_VALUE, VR::UT, value);
    item
}

/// UIDREF
pub fn uid(relation: Relation, name: Code, value: &str) -> Header {
    let mut item = item(relation, "UIDREF", Some(name));
    item.put(tags::UID, VR::UI, value);
    item
}

/// NUM in percent.
pub fn percent(name: Code, value: f64) -> Header {
    let mut measured = Header::default();
    measured.put(tags::NUMERIC_VALUE, VR::DS, format!("{value:.1}"));
    measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, PERCENT);
    let mut item = item(Relation::Contains, "NUM", Some(name));
    item.items(tags::MEASURED_VALUE_SEQUENCE, vec![measured]);
    item
}

/// CONTAINER, with the template that it follows.
pub fn container(name: Code, template: Option<&str>, content: Vec<Header>) -> Header {
    let mut item = item(Relation::Contains, "CONTAINER", Some(name));
    item.put(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    if let Some(template) = template {
        item.items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![of_template(template)]);
    }
    item.items(tags::CONTENT_SEQUENCE, content);
    item
}

/// Names a template of PS3.16.
pub fn of_template(template: &str) -> Header {
    let mut item = Header::default();
    item.put(tags::MAPPING_RESOURCE, VR::CS, "DCMR");
    item.put(tags::TEMPLATE_IDENTIFIER, VR::CS, template);
    item
}

/// SCOORD: a box as a closed polyline, selected from its slice. The middle of the first pixel is (0.5, 0.5).
pub fn region(name: Code, b: FractureBox, source: &SourceSlice) -> Header {
    let (left, top, right, bottom) = (b.x, b.y, b.x + b.width, b.y + b.height);
    let corners = [left, top, right, top, right, bottom, left, bottom, left, top];
    let mut item = item(Relation::Contains, "SCOORD", Some(name));
    item.put(tags::GRAPHIC_TYPE, VR::CS, "POLYLINE");
    item.put(tags::GRAPHIC_DATA, VR::FL, PrimitiveValue::F32(corners.into_iter().collect()));
    item.items(tags::CONTENT_SEQUENCE, vec![image(Relation::SelectedFrom, source)]);
    item
}

/// IMAGE
fn image(relation: Relation, source: &SourceSlice) -> Header {
    let mut reference = Header::referenced(class_of(source), &source.sop_instance_uid);
    if let Some(frame) = source.frame {
        reference.put(tags::REFERENCED_FRAME_NUMBER, VR::IS, (frame + 1).to_string());
    }
    let mut item = item(relation, "IMAGE", None);
    item.items(tags::REFERENCED_SOP_SEQUENCE, vec![reference]);
    item
}
