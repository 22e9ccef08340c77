//! The attributes that the reader looks at, by DICOM keyword. Nothing else of a header is ever parsed or kept:
//! no name, no date, no free text.

use std::fmt;

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::{StandardDataDictionary, tags};

macro_rules! attributes {
    ($($keyword:ident $tag:ident $snake:literal)*) => {
        /// An attribute that the reader looks at. `Display` is the DICOM keyword.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Attribute {
            $(
                #[doc = concat!("`", stringify!($keyword), "`")]
                $keyword,
            )*
        }

        impl Attribute {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$keyword),*];

            /// The tag.
            pub const fn tag(self) -> Tag {
                match self { $(Self::$keyword => tags::$tag,)* }
            }

            /// The DICOM keyword (PS3.6): `"PixelSpacing"`.
            pub const fn keyword(self) -> &'static str {
                match self { $(Self::$keyword => stringify!($keyword),)* }
            }

            pub(super) const fn missing_code(self) -> &'static str {
                match self { $(Self::$keyword => concat!("missing_", $snake),)* }
            }

            pub(super) const fn unusable_code(self) -> &'static str {
                match self { $(Self::$keyword => concat!("unusable_", $snake),)* }
            }

            pub(super) const fn foreign_code(self) -> &'static str {
                match self { $(Self::$keyword => concat!("foreign_", $snake),)* }
            }
        }
    };
}

attributes! {
    ImageType IMAGE_TYPE "image_type"
    SOPClassUID SOP_CLASS_UID "sop_class_uid"
    SOPInstanceUID SOP_INSTANCE_UID "sop_instance_uid"
    Modality MODALITY "modality"
    FrameType FRAME_TYPE "frame_type"
    SliceThickness SLICE_THICKNESS "slice_thickness"
    StudyInstanceUID STUDY_INSTANCE_UID "study_instance_uid"
    SeriesInstanceUID SERIES_INSTANCE_UID "series_instance_uid"
    InstanceNumber INSTANCE_NUMBER "instance_number"
    ImagePositionPatient IMAGE_POSITION_PATIENT "image_position_patient"
    ImageOrientationPatient IMAGE_ORIENTATION_PATIENT "image_orientation_patient"
    ImagesInAcquisition IMAGES_IN_ACQUISITION "images_in_acquisition"
    BurnedInAnnotation BURNED_IN_ANNOTATION "burned_in_annotation"
    SamplesPerPixel SAMPLES_PER_PIXEL "samples_per_pixel"
    PhotometricInterpretation PHOTOMETRIC_INTERPRETATION "photometric_interpretation"
    NumberOfFrames NUMBER_OF_FRAMES "number_of_frames"
    Rows ROWS "rows"
    Columns COLUMNS "columns"
    PixelSpacing PIXEL_SPACING "pixel_spacing"
    BitsAllocated BITS_ALLOCATED "bits_allocated"
    BitsStored BITS_STORED "bits_stored"
    HighBit HIGH_BIT "high_bit"
    PixelRepresentation PIXEL_REPRESENTATION "pixel_representation"
    RescaleIntercept RESCALE_INTERCEPT "rescale_intercept"
    RescaleSlope RESCALE_SLOPE "rescale_slope"
    RescaleType RESCALE_TYPE "rescale_type"
    PerFrameFunctionalGroupsSequence PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE "per_frame_functional_groups_sequence"
}

impl Attribute {
    /// The attribute with this tag, where the reader looks at its value.
    pub(super) fn with_tag(tag: Tag) -> Option<Self> {
        Self::ALL.iter().copied().find(|&a| a.tag() == tag && a != Self::PerFrameFunctionalGroupsSequence)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// Any tag in a message: its keyword, or `(gggg,eeee)` where the standard has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword(pub Tag);

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match StandardDataDictionary.by_tag(self.0) {
            Some(entry) => f.write_str(entry.alias()),
            None => write!(f, "{}", self.0),
        }
    }
}
