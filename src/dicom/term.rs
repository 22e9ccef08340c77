//! Which values of a header may be told in a reason: the standard's own terms, as constants of this program. What a file
//! holds in their place may be a name, so it is never passed on: a value comes in, a constant goes out.

use dicom_dictionary_std::uids;

use super::attribute::Attribute;

/// PS3.3 section C.7.3.1.1.1, without CT.
const MODALITIES: &[&str] = &[
    "AR",
    "ASMT",
    "ANN",
    "AU",
    "BDUS",
    "BI",
    "BMD",
    "CFM",
    "CR",
    "CTPROTOCOL",
    "DG",
    "DMS",
    "DOC",
    "DX",
    "ECG",
    "EEG",
    "EMG",
    "EOG",
    "EPS",
    "ES",
    "FID",
    "GM",
    "HC",
    "HD",
    "IO",
    "IOL",
    "IVOCT",
    "IVUS",
    "KER",
    "KO",
    "LEN",
    "LS",
    "M3D",
    "MG",
    "MR",
    "NM",
    "OAM",
    "OCT",
    "OP",
    "OPM",
    "OPT",
    "OPTBSV",
    "OPTENF",
    "OPV",
    "OSS",
    "OT",
    "PA",
    "PLAN",
    "POS",
    "PR",
    "PT",
    "PX",
    "REG",
    "RESP",
    "RF",
    "RG",
    "RTDOSE",
    "RTIMAGE",
    "RTINTENT",
    "RTPLAN",
    "RTRAD",
    "RTRECORD",
    "RTSEGANN",
    "RTSTRUCT",
    "RWV",
    "SC",
    "SEG",
    "SM",
    "SMR",
    "SR",
    "SRF",
    "STAIN",
    "TEXTUREMAP",
    "TG",
    "US",
    "VA",
    "XA",
    "XAPROTOCOL",
    "XC",
];

/// PS3.3 section C.7.6.3.1.2, without MONOCHROME.
const COLOURS: &[&str] = &[
    "PALETTE COLOR",
    "RGB",
    "HSV",
    "ARGB",
    "CMYK",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_422",
    "YBR_PARTIAL_420",
    "YBR_ICT",
    "YBR_RCT",
    "XYB",
];

/// PS3.3 section C.11.1.1.2, without HU.
const UNITS: &[&str] = &["OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"];

/// What lies beside CT slices most often.
const CLASSES: &[&str] = &[
    uids::MR_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::ULTRASOUND_IMAGE_STORAGE,
    uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE,
    uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
    uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
    uids::X_RAY_ANGIOGRAPHIC_IMAGE_STORAGE,
    uids::X_RAY_RADIOFLUOROSCOPIC_IMAGE_STORAGE,
    uids::NUCLEAR_MEDICINE_IMAGE_STORAGE,
    uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
    uids::BASIC_TEXT_SR_STORAGE,
    uids::ENHANCED_SR_STORAGE,
    uids::COMPREHENSIVE_SR_STORAGE,
    uids::X_RAY_RADIATION_DOSE_SR_STORAGE,
    uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE,
    uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE,
    uids::SEGMENTATION_STORAGE,
    uids::RAW_DATA_STORAGE,
    uids::ENCAPSULATED_PDF_STORAGE,
    uids::RT_IMAGE_STORAGE,
    uids::RT_DOSE_STORAGE,
    uids::RT_STRUCTURE_SET_STORAGE,
    uids::RT_PLAN_STORAGE,
];

/// PS3.3 section C.7.6.1.1.2 and what scanners write there: the words that the device acts on, or that tell planes apart.
const IMAGE_TYPES: &[&str] = &[
    "ORIGINAL",
    "DERIVED",
    "MIXED",
    "PRIMARY",
    "SECONDARY",
    "AXIAL",
    "VOLUME",
    "HELIX",
    "SPIRAL",
    "LOCALIZER",
    "SCOUT",
    "TOPOGRAM",
    "SCREEN",
    "SAVE",
    "DOSE",
    "INFO",
    "REFORMATTED",
    "REFORMAT",
    "MPR",
    "MIP",
    "MINIP",
    "VRT",
    "PROJECTION",
    "IMAGE",
    "COMPOSED",
    "CSA",
    "CT",
    "NONE",
    "RESAMPLED",
    "AVERAGE",
    "PARALLEL",
];

/// Numbers that stand where 8, 16 or 1 should.
const COUNTS: &[&str] = &["0", "1", "2", "3", "4", "8", "12", "16", "24", "32", "64"];

/// The term that `value` is, or words that say no more than that it is none.
pub fn told(attribute: Attribute, value: &str) -> &'static str {
    let terms = match attribute {
        Attribute::Modality => MODALITIES,
        Attribute::PhotometricInterpretation => COLOURS,
        Attribute::RescaleType => UNITS,
        Attribute::SOPClassUID => CLASSES,
        Attribute::BitsAllocated | Attribute::SamplesPerPixel => COUNTS,
        Attribute::ImageType | Attribute::FrameType => super::ct::NOT_SLICES.as_slice(),
        _ => &[],
    };
    terms.iter().copied().find(|term| *term == value).unwrap_or("another value than it should be")
}

/// A value of ImageType with none but known words; empty where it has none, so that the others keep their places.
pub fn image_type(value: &str) -> String {
    let known = value.split([' ', '_']).filter_map(|word| IMAGE_TYPES.iter().copied().find(|term| *term == word));
    known.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_of_the_standard_is_told_and_nothing_else_is() {
        assert_eq!(told(Attribute::Modality, "MR"), "MR");
        assert_eq!(told(Attribute::SOPClassUID, "1.2.840.10008.5.1.4.1.1.4"), "1.2.840.10008.5.1.4.1.1.4");
        assert_eq!(told(Attribute::ImageType, "LOCALIZER"), "LOCALIZER");
        for attribute in Attribute::ALL {
            let words = told(*attribute, "KOWALSKA^ANNA");
            assert!(!words.contains("KOWALSKA"), "{attribute}");
        }
    }

    #[test]
    fn an_image_type_keeps_the_words_that_are_acted_on_and_their_places() {
        assert_eq!(image_type("CSA MPR"), "CSA MPR");
        assert_eq!(image_type("CT_SOM5 TOPOGRAM"), "CT TOPOGRAM");
        assert_eq!(image_type("KOWALSKA ANNA"), "");
    }
}
