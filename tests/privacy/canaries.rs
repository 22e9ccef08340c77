//! Values that occur nowhere else, one for every place where a patient's identity may stand, and files that carry them.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::InMemDicomObject;
use spinewatch::dicom::Attribute;

/// What a canary looks like, which decides how pieces of it are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sixteen capitals and digits.
    Text,
    /// Digits, maybe with dots.
    Number,
    /// StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID: what `identifiers = "clear"` lets pass.
    Identifier,
}

/// One planted value.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Where it was planted.
    pub place: String,
    /// What was planted.
    pub value: String,
    pub kind: Kind,
}

/// All that were planted so far.
#[derive(Debug, Default)]
pub struct Canaries {
    pub all: Vec<Canary>,
}

impl Canaries {
    /// Plants text: no two share a piece of eight characters.
    pub fn text(&mut self, place: impl Into<String>) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let random = self.random();
        let value = (0..16).map(|n| char::from(ALPHABET[(random >> (n * 5)) as usize & 31])).collect();
        self.plant(place, value, Kind::Text)
    }

    /// Plants `digits` digits, the first of which is no zero.
    pub fn number(&mut self, place: impl Into<String>, digits: usize) -> String {
        let value = self.digits(digits);
        self.plant(place, value, Kind::Number)
    }

    /// Plants a UID under 2.25 (PS3.5 annex B.2).
    pub fn uid(&mut self, place: impl Into<String>, kind: Kind) -> String {
        let value = format!("2.25.{}", self.digits(33));
        self.plant(place, value, kind)
    }

    fn plant(&mut self, place: impl Into<String>, value: String, kind: Kind) -> String {
        self.all.push(Canary { place: place.into(), value: value.clone(), kind });
        value
    }

    fn digits(&self, digits: usize) -> String {
        let text = (1 + self.random() % 9).to_string() + &format!("{:039}", self.random() / 10);
        text[..1].to_owned() + &text[text.len() - (digits - 1)..]
    }

    /// 128 bits that follow from how many were planted before.
    fn random(&self) -> u128 {
        let mut state = self.all.len() as u64 ^ 0x5EED;
        let mut word = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u128::from(mixed ^ (mixed >> 31))
        };
        (word() << 64) | word()
    }

    /// A value of this representation that is its own canary; `None` where a value is too short to be unique.
    fn value(&mut self, place: &str, vr: VR) -> Option<String> {
        Some(match vr {
            VR::AE | VR::CS | VR::SH | VR::LO | VR::LT | VR::ST | VR::UT | VR::UC => self.text(place),
            VR::PN => format!("{}^{}", self.text(place), self.text(place)),
            VR::UR => format!("http://{}.invalid/", self.text(place)),
            VR::UI => self.uid(place, Kind::Number),
            VR::IS => self.number(place, 9),
            VR::DS => self.number(place, 16),
            VR::TM => format!("235959.{}", self.number(place, 6)),
            VR::DA => {
                let day = self.all.len() % 28 + 1;
                let value = format!("17{:02}{:02}{day:02}", self.all.len() / 28 % 100, self.all.len() / 2800 % 12 + 1);
                self.plant(place, value, Kind::Number)
            }
            VR::DT => format!("17000101235959.{}", self.number(place, 6)),
            _ => return None,
        })
    }
}

/// A canary in every element of the standard's dictionary that holds text and is not what makes a slice a slice; in
/// private elements, in nested sequences, in bytes of no meaning, and behind the pixels.
pub fn every_element(canaries: &mut Canaries) -> Vec<DataElement<InMemDicomObject>> {
    let mut elements: Vec<_> = dictionary().filter_map(|(tag, place, vr)| element(canaries, tag, &place, vr)).collect();
    let creator = canaries.text("private creator");
    elements.push(DataElement::new(Tag(0x0009, 0x0010), VR::LO, PrimitiveValue::from(creator)));
    for (element, vr) in [(0x1001, VR::LO), (0x1002, VR::UN), (0x1003, VR::OB), (0x1004, VR::PN)] {
        let text = canaries.text(format!("private {vr}"));
        let value = if vr == VR::LO || vr == VR::PN {
            PrimitiveValue::from(text)
        } else {
            PrimitiveValue::U8(text.into_bytes().into())
        };
        elements.push(DataElement::new(Tag(0x0009, element), vr, value));
    }
    for (tag, name) in [
        (tags::REQUEST_ATTRIBUTES_SEQUENCE, "RequestAttributesSequence"),
        (tags::OTHER_PATIENT_I_DS_SEQUENCE, "OtherPatientIDsSequence"),
        (tags::REFERENCED_STUDY_SEQUENCE, "ReferencedStudySequence"),
        (tags::ORIGINAL_ATTRIBUTES_SEQUENCE, "OriginalAttributesSequence"),
    ] {
        elements.push(nested(canaries, tag, name));
    }
    for (tag, name) in [(tags::ICON_IMAGE_SEQUENCE, "icon"), (tags::DATA_SET_TRAILING_PADDING, "trailing padding")] {
        let text = canaries.text(name);
        let value = PrimitiveValue::U8(text.into_bytes().into());
        if name == "icon" {
            let icon = DataElement::new(tags::PIXEL_DATA, VR::OB, value);
            elements.push(sequence(tag, InMemDicomObject::from_element_iter([icon])));
        } else {
            elements.push(DataElement::new(tag, VR::OB, value));
        }
    }
    elements
}

/// Every element with text in it, by the standard's dictionary.
fn dictionary() -> impl Iterator<Item = (Tag, String, VR)> {
    const SCATTERED: [u16; 28] = [
        0x0100, 0x2000, 0x2010, 0x2020, 0x2030, 0x2040, 0x2050, 0x2100, 0x2110, 0x2120, 0x2130, 0x2200, 0x3002, 0x3004,
        0x3006, 0x3008, 0x300A, 0x300C, 0x300E, 0x3010, 0x4000, 0x4008, 0x4010, 0x5000, 0x5200, 0x5400, 0x5600, 0x6000,
    ];
    let groups = (0x0008_u16..=0x0088).step_by(2).chain(SCATTERED);
    let taken: Vec<Tag> = Attribute::ALL.iter().map(|attribute| attribute.tag()).collect();
    let tags = groups.flat_map(|group| (1..=u16::MAX).map(move |element| Tag(group, element)));
    tags.filter(move |tag| !taken.contains(tag) && *tag != tags::SPECIFIC_CHARACTER_SET).filter_map(|tag| {
        let entry = StandardDataDictionary.by_tag(tag)?;
        Some((tag, entry.alias().to_owned(), entry.vr().relaxed()))
    })
}

fn element(canaries: &mut Canaries, tag: Tag, place: &str, vr: VR) -> Option<DataElement<InMemDicomObject>> {
    canaries.value(place, vr).map(|value| DataElement::new(tag, vr, PrimitiveValue::from(value)))
}

/// Two levels deep.
fn nested(canaries: &mut Canaries, tag: Tag, name: &str) -> DataElement<InMemDicomObject> {
    let mut items = [(tags::PATIENT_NAME, VR::PN), (tags::PATIENT_ID, VR::LO), (tags::ACCESSION_NUMBER, VR::SH)]
        .map(|(tag, vr)| element(canaries, tag, &format!("in {name}"), vr))
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    let deep = element(canaries, tags::PATIENT_NAME, &format!("deep in {name}"), VR::PN);
    items.push(sequence(tags::REFERENCED_STUDY_SEQUENCE, InMemDicomObject::from_element_iter(deep)));
    sequence(tag, InMemDicomObject::from_element_iter(items))
}

fn sequence(tag: Tag, item: InMemDicomObject) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, Value::Sequence(DataSetSequence::new(vec![item], Length::UNDEFINED)))
}
