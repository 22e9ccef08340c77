//! A rendered slice in, the bytes of a DICOM file out.
//!
//! Plays the part of a scanner, so it writes what scanners write; it reads nothing.

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::habits::{CANARY, Habits, Opening, PaddingTag, Syntax};
use super::jpeg_lossless::{self, Predictor};
use super::noise::hash;
use super::rle;
use super::spec::Region;
use super::study::Study;

/// Why an instance could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The file meta table is refused.
    #[error("could not build the file meta table")]
    Meta(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data set is refused.
    #[error("could not write the data set")]
    DataSet(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Multi-frame instances are written uncompressed only.
    #[error("could not write a multi-frame instance: it is written in native transfer syntaxes only")]
    CompressedMultiFrame,
}

/// A UID under 2.25 (PS3.5 annex B.2), the same for the same seed and purpose.
pub(super) fn uid(seed: u64, purpose: u64) -> String {
    let high = hash(hash(seed) ^ purpose);
    let low = hash(high);
    format!("2.25.{}", (u128::from(high >> 4) << 64) | u128::from(low))
}

/// StudyInstanceUID of a seed; the series of one seed belong to one study. Data sets that are not plain have others.
pub fn study_instance_uid(seed: u64) -> String {
    uid(seed, 0x0057_0DD7)
}

/// SeriesInstanceUID of a study's series.
pub fn series_instance_uid(study: &Study) -> String {
    uid(study.uid_seed(), 0x5E41 + series(study.region()))
}

/// SOPInstanceUID of slice `index`.
pub fn sop_instance_uid(study: &Study, index: usize) -> String {
    uid(study.uid_seed(), 0x1000 + index as u64 + (series(study.region()) << 32))
}

const fn series(region: Region) -> u64 {
    match region {
        Region::Neck => 0,
        Region::Head => 1,
        Region::Chest => 2,
    }
}

/// A data set being filled.
pub(super) struct Header {
    pub object: InMemDicomObject,
    habits: Habits,
}

impl Header {
    pub(super) fn put(&mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
        self.object.put(DataElement::new(tag, vr, value.into()));
    }

    /// DS values.
    pub(super) fn decimal(&mut self, tag: Tag, values: &[f64]) {
        let write = |v: &f64| if self.habits.odd_decimals { odd_decimal(*v) } else { format!("{v:.4}") };
        let value = PrimitiveValue::Strs(values.iter().map(write).collect());
        self.put(tag, VR::DS, value);
    }

    fn sequence(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.object.put(sequence(tag, items));
    }

    /// What every instance of a study starts with.
    pub(super) fn new(study: &Study, habits: &Habits, class: &str, instance: &str, series_uid: &str) -> Self {
        let mut header = Self { object: InMemDicomObject::new_empty(), habits: *habits };
        header.put(tags::SOP_INSTANCE_UID, VR::UI, instance);
        header.put(tags::STUDY_INSTANCE_UID, VR::UI, study_instance_uid(study.uid_seed()));
        header.put(tags::SERIES_INSTANCE_UID, VR::UI, series_uid);
        if !habits.stripped {
            header.put(tags::SOP_CLASS_UID, VR::UI, class);
            header.put(tags::MANUFACTURER, VR::LO, "Spinewatch phantom");
            header.put(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid(study.uid_seed(), 0xF0));
        }
        if habits.identity {
            header.identity(study.seed());
        }
        header
    }

    fn identity(&mut self, seed: u64) {
        self.put(tags::PATIENT_NAME, VR::PN, format!("PHANTOM^{CANARY}"));
        self.put(tags::PATIENT_ID, VR::LO, format!("{CANARY}-{seed}"));
        self.put(tags::PATIENT_BIRTH_DATE, VR::DA, "19010203");
        self.put(tags::PATIENT_SEX, VR::CS, "O");
        self.put(tags::ACCESSION_NUMBER, VR::SH, format!("{CANARY}ACC"));
        self.put(tags::INSTITUTION_NAME, VR::LO, format!("{CANARY} HOSPITAL"));
        self.put(tags::REFERRING_PHYSICIAN_NAME, VR::PN, format!("{CANARY}^REFERRER"));
        self.put(tags::OPERATORS_NAME, VR::PN, format!("{CANARY}^OPERATOR"));
        self.put(tags::STUDY_DESCRIPTION, VR::LO, format!("{CANARY} NECK"));
    }

    /// Rows, columns, bits: all that describes the pixels but the pixels.
    fn pixel_description(&mut self, study: &Study) {
        let (g, habits) = (study.geometry(), self.habits);
        self.put(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16);
        self.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        self.put(tags::ROWS, VR::US, g.matrix);
        self.put(tags::COLUMNS, VR::US, g.matrix);
        self.put(tags::BITS_ALLOCATED, VR::US, 16_u16);
        self.put(tags::BITS_STORED, VR::US, habits.bits_stored);
        self.put(tags::HIGH_BIT, VR::US, habits.bits_stored - 1);
        self.put(tags::PIXEL_REPRESENTATION, VR::US, u16::from(habits.signed));
        if let Some(padding) = g.padding_hu {
            let stored = habits.stored(padding);
            match habits.padding {
                PaddingTag::Absent => {}
                PaddingTag::Matching if habits.signed => {
                    self.put(tags::PIXEL_PADDING_VALUE, VR::SS, stored.cast_signed());
                }
                PaddingTag::Matching | PaddingTag::Unsigned => self.put(tags::PIXEL_PADDING_VALUE, VR::US, stored),
            }
        }
    }

    fn pixels(&mut self, hounsfield: &[i16], matrix: u16) {
        let habits = self.habits;
        let stored: Vec<u16> = hounsfield.iter().map(|hu| habits.stored(*hu)).collect();
        let precision = u8::try_from(habits.bits_stored).unwrap_or(16);
        let jpeg = |predictor| jpeg_lossless::encode(&stored, matrix, matrix, precision, predictor);
        let mut frame = match habits.syntax {
            Syntax::Rle => rle::encode(&stored, usize::from(matrix)),
            Syntax::JpegLossless => jpeg(Predictor::Plane),
            Syntax::JpegLosslessSv1 => jpeg(Predictor::Left),
            _ => return self.put(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(stored.into())),
        };
        if !frame.len().is_multiple_of(2) {
            frame.push(0);
        }
        let fragments = PixelFragmentSequence::new(vec![0], vec![frame]);
        self.object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, Value::PixelSequence(fragments)));
    }

    /// The finished file.
    pub(super) fn bytes(self, class: &str, instance: &str, size_hint: usize) -> Result<Vec<u8>, EncodeError> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(self.habits.syntax.uid())
            .media_storage_sop_class_uid(class)
            .media_storage_sop_instance_uid(instance)
            .build()
            .map_err(|e| EncodeError::Meta(e.into()))?;
        let mut bytes = Vec::with_capacity(size_hint + 4096);
        let file = self.object.with_exact_meta(meta);
        match self.habits.opening {
            Opening::DataSet => file.write_dataset(&mut bytes),
            Opening::Full | Opening::NoPreamble => file.write_all(&mut bytes),
        }
        .map_err(|e| EncodeError::DataSet(e.into()))?;
        if self.habits.opening == Opening::NoPreamble {
            bytes.drain(..128);
        }
        Ok(bytes)
    }
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> InMemElement {
    DataElement::new(tag, VR::SQ, Value::Sequence(DataSetSequence::new(items, Length::UNDEFINED)))
}

/// `"001.000000E+00"`.
fn odd_decimal(value: f64) -> String {
    let exponent = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{:010.6}E{exponent:+03}", value.abs() / 10_f64.powf(exponent))
}

/// The bytes of slice `index` of a study with these Hounsfield units.
///
/// # Errors
/// When the writer refuses the data set, which no rendered slice brings about.
pub fn encode(study: &Study, index: usize, hounsfield: &[i16], habits: &Habits) -> Result<Vec<u8>, EncodeError> {
    let g = study.geometry();
    let (class, instance) = (uids::CT_IMAGE_STORAGE, sop_instance_uid(study, index));
    let mut header = Header::new(study, habits, class, &instance, &series_instance_uid(study));
    if !habits.stripped {
        header.put(tags::MODALITY, VR::CS, "CT");
        header.put(tags::BODY_PART_EXAMINED, VR::CS, body_part(study.region()));
        header.put(tags::IMAGE_TYPE, VR::CS, image_type("AXIAL"));
    }
    if habits.announced {
        header.put(tags::IMAGES_IN_ACQUISITION, VR::IS, study.len().to_string());
    }
    header.decimal(tags::SLICE_THICKNESS, &[f64::from(g.thickness_mm)]);
    header.put(tags::INSTANCE_NUMBER, VR::IS, (index + 1).to_string());
    header.decimal(tags::IMAGE_POSITION_PATIENT, &g.image_position_patient(index));
    header.decimal(tags::IMAGE_ORIENTATION_PATIENT, &g.image_orientation_patient());
    header.decimal(tags::PIXEL_SPACING, &[f64::from(g.pixel_spacing_mm); 2]);
    header.put(tags::WINDOW_CENTER, VR::DS, "400");
    header.put(tags::WINDOW_WIDTH, VR::DS, "1800");
    header.put(tags::RESCALE_INTERCEPT, VR::DS, habits.intercept.to_string());
    header.put(tags::RESCALE_SLOPE, VR::DS, "1");
    header.pixel_description(study);
    header.pixels(hounsfield, g.matrix);
    header.bytes(class, &instance, 2 * hounsfield.len())
}

pub(super) fn image_type(kind: &str) -> PrimitiveValue {
    PrimitiveValue::Strs(["ORIGINAL", "PRIMARY", kind].into_iter().map(str::to_owned).collect())
}

const fn body_part(region: Region) -> &'static str {
    match region {
        Region::Neck => "CSPINE",
        Region::Head => "HEAD",
        Region::Chest => "CHEST",
    }
}

/// All slices of a study as one enhanced CT instance (PS3.3 A.38), the rescale in the shared functional groups.
///
/// # Errors
/// When the habits ask for a compressed transfer syntax.
pub fn encode_multi_frame(study: &Study, habits: &Habits) -> Result<Vec<u8>, EncodeError> {
    if matches!(habits.syntax, Syntax::Rle | Syntax::JpegLossless | Syntax::JpegLosslessSv1) {
        return Err(EncodeError::CompressedMultiFrame);
    }
    let g = study.geometry();
    let (class, instance) = (uids::ENHANCED_CT_IMAGE_STORAGE, uid(study.uid_seed(), 0xE0 + series(study.region())));
    let mut header = Header::new(study, habits, class, &instance, &series_instance_uid(study));
    if !habits.stripped {
        header.put(tags::MODALITY, VR::CS, "CT");
        header.put(tags::IMAGE_TYPE, VR::CS, image_type("VOLUME"));
    }
    header.put(tags::INSTANCE_NUMBER, VR::IS, "1");
    header.put(tags::NUMBER_OF_FRAMES, VR::IS, study.len().to_string());
    header.sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared_groups(study, habits)]);
    let frames = (0..study.len()).map(|index| {
        let position = one(habits, |h| {
            h.decimal(tags::IMAGE_POSITION_PATIENT, &g.image_position_patient(index));
        });
        InMemDicomObject::from_element_iter([sequence(tags::PLANE_POSITION_SEQUENCE, vec![position])])
    });
    header.sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.collect());
    header.pixel_description(study);
    let hounsfield: Vec<i16> = (0..study.len()).flat_map(|index| study.render(index).hounsfield).collect();
    header.pixels(&hounsfield, g.matrix);
    header.bytes(class, &instance, 2 * hounsfield.len())
}

/// An item filled by `fill`.
fn one(habits: &Habits, fill: impl FnOnce(&mut Header)) -> InMemDicomObject {
    let mut item = Header { object: InMemDicomObject::new_empty(), habits: *habits };
    fill(&mut item);
    item.object
}

fn shared_groups(study: &Study, habits: &Habits) -> InMemDicomObject {
    let g = study.geometry();
    let measures = one(habits, |h| {
        h.decimal(tags::SLICE_THICKNESS, &[f64::from(g.thickness_mm)]);
        h.decimal(tags::PIXEL_SPACING, &[f64::from(g.pixel_spacing_mm); 2]);
    });
    let orientation = one(habits, |h| {
        h.decimal(tags::IMAGE_ORIENTATION_PATIENT, &g.image_orientation_patient());
    });
    let rescale = one(habits, |h| {
        h.put(tags::RESCALE_INTERCEPT, VR::DS, habits.intercept.to_string());
        h.put(tags::RESCALE_SLOPE, VR::DS, "1");
        h.put(tags::RESCALE_TYPE, VR::LO, "HU");
    });
    InMemDicomObject::from_element_iter([
        sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]),
        sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]),
        sequence(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![rescale]),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use dicom_object::FileDicomObject;
    use dicom_object::file::{OpenFileOptions, ReadPreamble};
    use dicom_pixeldata::{ConvertOptions, ModalityLutOption, PixelDecoder};

    use super::*;
    use crate::phantom::{Direction, Fractures, Padding, StudySpec};

    fn study(padding: Padding) -> Study {
        Study::generate(&StudySpec {
            slices: Some(6),
            matrix: 64,
            padding,
            direction: Direction::HeadToFoot,
            ..StudySpec { fractures: Fractures::Intact, ..StudySpec::new(3) }
        })
    }

    fn read(bytes: &[u8], habits: &Habits) -> FileDicomObject<InMemDicomObject> {
        let preamble = match habits.opening {
            Opening::Full => ReadPreamble::Always,
            Opening::NoPreamble => ReadPreamble::Never,
            Opening::DataSet => {
                let meta = FileMetaTableBuilder::new()
                    .transfer_syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN)
                    .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
                    .media_storage_sop_instance_uid("2.25.1");
                let syntax = dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN.erased();
                let data_set = InMemDicomObject::read_dataset_with_ts(bytes, &syntax).unwrap();
                return data_set.with_exact_meta(meta.build().unwrap());
            }
        };
        OpenFileOptions::new().read_preamble(preamble).from_reader(bytes).unwrap()
    }

    fn hounsfield(object: &FileDicomObject<InMemDicomObject>) -> Vec<i32> {
        let options = ConvertOptions::new().with_modality_lut(ModalityLutOption::Default);
        object.decode_pixel_data().unwrap().to_vec_with_options::<i32>(&options).unwrap()
    }

    #[test]
    fn every_habit_reads_back_as_the_rendered_hounsfield_values() {
        let paddings = [Padding::Nothing, Padding::Hounsfield(-1500), Padding::Hounsfield(-2000)];
        for padding in paddings.into_iter().chain([-2048, -3024].map(Padding::Hounsfield)) {
            let study = study(padding);
            let rendered = study.render(3).hounsfield;
            for (name, habits) in Habits::NAMED {
                let [low, high] = habits.range();
                let object = read(&encode(&study, 3, &rendered, &habits).unwrap(), &habits);
                assert_eq!(object.meta().transfer_syntax(), habits.syntax.uid(), "{name}");
                let expected: Vec<i32> = rendered.iter().map(|hu| i32::from((*hu).clamp(low, high))).collect();
                assert!(hounsfield(&object) == expected, "{name} with {padding:?}");
            }
        }
    }

    #[test]
    fn geometry_reads_back_however_decimals_are_written() {
        let study = study(Padding::Nothing);
        let expected = study.geometry().image_position_patient(2);
        for (name, habits) in Habits::NAMED {
            let object = read(&encode(&study, 2, &study.render(2).hounsfield, &habits).unwrap(), &habits);
            let position = object.element(tags::IMAGE_POSITION_PATIENT).unwrap().to_multi_float64().unwrap();
            for (read, meant) in position.iter().zip(expected) {
                assert!((read - meant).abs() < 1e-3, "{name}: {read} for {meant}");
            }
            assert_eq!(object.get(tags::MODALITY).is_none(), habits.stripped, "{name}");
        }
    }

    #[test]
    fn identity_is_written_only_as_canaries_and_only_where_asked_for() {
        let study = study(Padding::Nothing);
        let pixels = study.render(0).hounsfield;
        let holds = |habits: &Habits| {
            let bytes = encode(&study, 0, &pixels, habits).unwrap();
            bytes.windows(CANARY.len()).filter(|w| *w == CANARY.as_bytes()).count()
        };
        assert_eq!(holds(&Habits::research(1)), 0);
        assert_eq!(holds(&Habits::console()), 7);
    }

    #[test]
    fn a_multi_frame_instance_holds_every_slice() {
        let study = study(Padding::Nothing);
        for syntax in [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::ExplicitBig, Syntax::Deflated] {
            let habits = Habits { syntax, intercept: 0, ..Habits::console() };
            let object = read(&encode_multi_frame(&study, &habits).unwrap(), &habits);
            assert_eq!(object.element(tags::NUMBER_OF_FRAMES).unwrap().to_int::<usize>().unwrap(), study.len());
            let pixels: Vec<i16> = object
                .element(tags::PIXEL_DATA)
                .unwrap()
                .to_multi_int::<u16>()
                .unwrap()
                .into_iter()
                .map(u16::cast_signed)
                .collect();
            let rendered: Vec<i16> = (0..study.len()).flat_map(|i| study.render(i).hounsfield).collect();
            assert!(pixels == rendered, "{syntax:?}");
            let frames = object.element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap();
            assert_eq!(frames.len(), study.len());
        }
        let compressed = Habits { syntax: Syntax::Rle, ..Habits::console() };
        assert!(matches!(encode_multi_frame(&study, &compressed), Err(EncodeError::CompressedMultiFrame)));
    }

    #[test]
    fn odd_decimals_are_odd_and_right() {
        let expected = ["001.000000E+00", "-002.500000E-01", "000.000000E+00", "001.024000E+03"];
        for (value, text) in [1.0, -0.25, 0.0, 1024.0].into_iter().zip(expected) {
            assert_eq!(odd_decimal(value), text);
            assert!(odd_decimal(-value).len() <= 16, "a DS value has at most 16 characters");
        }
    }

    #[test]
    fn uids_are_valid_and_each_instance_has_its_own() {
        let study = study(Padding::Nothing);
        let mut all: Vec<String> = (0..study.len()).map(|i| sop_instance_uid(&study, i)).collect();
        all.extend([study_instance_uid(3), series_instance_uid(&study)]);
        assert!(all.iter().all(|u| u.len() <= 64 && u.bytes().all(|b| b.is_ascii_digit() || b == b'.')));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), study.len() + 2);
    }
}
