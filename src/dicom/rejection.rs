//! Why a file gives no slice: one variant per reason, each naming what it is about by DICOM keyword.
//!
//! Never holds a value of the file: only tags, lengths, and constants of this program for terms of the standard.

use super::attribute::{Attribute, Keyword};

/// What a rejection means for the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// The file ends too early: it may still be growing.
    Incomplete,
    /// A CT plane that cannot be read: the study lacks it.
    Broken,
    /// Made, or damaged, so as to exhaust the reader.
    Hostile,
    /// Sound, perhaps, but no CT plane: scout, secondary capture, report, another modality. The study lacks nothing.
    NotAnImageOfThisKind,
}

/// Why a file gives no slice.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// The file ends inside the header of an element.
    #[error("the file ends inside an element header at byte {offset}")]
    EndsInHeader {
        /// Where that header begins, in bytes.
        offset: usize,
    },
    /// The file ends inside a value.
    #[error("the file ends inside {element}: {declared} bytes declared, {left} left")]
    EndsInValue {
        /// The element.
        element: Keyword,
        /// Its declared length in bytes.
        declared: usize,
        /// Bytes left in the file.
        left: usize,
    },
    /// The file was given its size and is not filled yet.
    #[error("only zeros from byte {offset} on")]
    OnlyZeros {
        /// Where the zeros begin, in bytes.
        offset: usize,
    },
    /// The deflated data set does not end.
    #[error("the deflated data set ends too early")]
    EndsInDeflate,
    /// The data set ends before its pixels.
    #[error("PixelData is missing")]
    PixelDataMissing,

    /// Larger than any file may be.
    #[error("the file has {bytes} bytes, more than {limit}")]
    FileTooLarge {
        /// Size in bytes.
        bytes: usize,
        /// Allowed.
        limit: usize,
    },
    /// An element claims more than any file may hold.
    #[error("{element} declares {declared} bytes, more than any file may have")]
    LengthBeyondReason {
        /// The element.
        element: Keyword,
        /// Its declared length in bytes.
        declared: usize,
    },
    /// Sequences in sequences.
    #[error("sequences are nested deeper than {limit} levels")]
    NestedTooDeep {
        /// Allowed.
        limit: usize,
    },
    /// Too many elements, items and fragments.
    #[error("more than {limit} elements")]
    TooManyElements {
        /// Allowed.
        limit: usize,
    },
    /// Values far longer than a frame can need.
    #[error("{attribute} brings the header of a frame to {length} bytes, more than {limit}")]
    ValueTooLong {
        /// The attribute that is too much.
        attribute: Attribute,
        /// Length with it in bytes.
        length: usize,
        /// Allowed.
        limit: usize,
    },
    /// A zip bomb, or an honest file that is too large to be deflated.
    #[error("the deflated data set has more than {limit} bytes")]
    InflatedTooLarge {
        /// Allowed.
        limit: usize,
    },
    /// Rows, Columns and NumberOfFrames ask for too much memory.
    #[error("Rows x Columns x NumberOfFrames is {rows} x {columns} x {frames}, too large")]
    ImageTooLarge {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
        /// NumberOfFrames, [`Self::MANY`] at most: a longer number may be anything.
        frames: u32,
    },
    /// The code stream describes another image than the header.
    #[error("PixelData: the {codec} code stream contradicts the header: {why}")]
    CodeStreamContradicts {
        /// Name of the coding.
        codec: &'static str,
        /// What differs.
        why: &'static str,
    },
    /// The last net: a decoder gave up by panicking.
    #[error("a decoder failed on this file")]
    DecoderFailed,

    /// A transfer syntax outside the allow-list.
    #[error("TransferSyntaxUID {uid} is not supported")]
    TransferSyntax {
        /// The UID, where the standard has it.
        uid: &'static str,
    },
    /// The structure of the data set breaks down.
    #[error("the data set is malformed at {element}, byte {offset}")]
    Malformed {
        /// The element.
        element: Keyword,
        /// Where it begins, in bytes.
        offset: usize,
    },
    /// The parser cannot read what the walk has found sound.
    #[error("the attributes of the image cannot be parsed")]
    Header,
    /// The deflated data set is no deflate stream.
    #[error("the deflated data set cannot be inflated")]
    Deflate,
    /// An attribute that a CT plane must have is absent or empty.
    #[error("{attribute} is missing")]
    Missing {
        /// The attribute.
        attribute: Attribute,
        /// Whether the file claims to be CT (then the study lacks a slice) or not.
        kind: RejectionKind,
    },
    /// An attribute has a value that no CT plane can have.
    #[error("{attribute} {why}")]
    Unusable {
        /// The attribute.
        attribute: Attribute,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Fewer pixels than Rows x Columns x NumberOfFrames.
    #[error("PixelData has {found} bytes, {needed} needed")]
    PixelDataTooShort {
        /// Needed bytes.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// The fragments cannot be assigned to frames.
    #[error("PixelData has {fragments} fragments that cannot be told apart into {frames} frames")]
    Fragments {
        /// NumberOfFrames.
        frames: usize,
        /// Fragments there.
        fragments: usize,
    },
    /// The code stream is damaged or uses what no decoder here knows.
    #[error("PixelData: the {codec} code stream {why}")]
    CodeStream {
        /// Name of the coding.
        codec: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },

    /// Not a DICOM file.
    #[error("not a DICOM file")]
    NotDicom,
    /// An attribute says that this is no CT plane.
    #[error("{attribute} is {value}: not a CT plane")]
    Foreign {
        /// The attribute.
        attribute: Attribute,
        /// Its value, where it is a term of the standard.
        value: &'static str,
    },
    /// The plane is not axial: a scout or a reformat.
    #[error("ImageOrientationPatient is {degrees:.0} degrees from axial")]
    NotAxial {
        /// Angle between the plane's normal and the body axis, degrees.
        degrees: f64,
    },
    /// FloatPixelData or DoubleFloatPixelData.
    #[error("FloatPixelData instead of PixelData: not a CT plane")]
    FloatPixelData,
}

impl Rejection {
    /// More frames are not told apart.
    pub const MANY: u32 = 99_999;

    /// A stable word for the wire, the ledger and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::EndsInHeader { .. } | Self::EndsInValue { .. } => "truncated",
            Self::OnlyZeros { .. } => "only_zeros",
            Self::EndsInDeflate => "truncated_deflate",
            Self::PixelDataMissing => "missing_pixel_data",
            Self::FileTooLarge { .. } => "file_too_large",
            Self::LengthBeyondReason { .. } => "length_beyond_reason",
            Self::NestedTooDeep { .. } => "nested_too_deep",
            Self::TooManyElements { .. } => "too_many_elements",
            Self::ValueTooLong { .. } => "value_too_long",
            Self::InflatedTooLarge { .. } => "inflated_too_large",
            Self::ImageTooLarge { .. } => "image_too_large",
            Self::CodeStreamContradicts { .. } => "code_stream_contradicts_header",
            Self::DecoderFailed => "decoder_failed",
            Self::TransferSyntax { .. } => "unsupported_transfer_syntax_uid",
            Self::Malformed { .. } => "malformed",
            Self::Header => "malformed_header",
            Self::Deflate => "malformed_deflate",
            Self::Missing { attribute, .. } => attribute.missing_code(),
            Self::Unusable { attribute, .. } => attribute.unusable_code(),
            Self::PixelDataTooShort { .. } => "pixel_data_too_short",
            Self::Fragments { .. } => "pixel_data_fragments",
            Self::CodeStream { .. } => "code_stream",
            Self::NotDicom => "not_dicom",
            Self::Foreign { attribute, .. } => attribute.foreign_code(),
            Self::NotAxial { .. } => "not_axial",
            Self::FloatPixelData => "foreign_float_pixel_data",
        }
    }

    /// What it means for the study.
    pub const fn kind(&self) -> RejectionKind {
        match self {
            Self::Empty
            | Self::EndsInHeader { .. }
            | Self::EndsInValue { .. }
            | Self::OnlyZeros { .. }
            | Self::EndsInDeflate
            | Self::PixelDataMissing => RejectionKind::Incomplete,
            Self::FileTooLarge { .. }
            | Self::LengthBeyondReason { .. }
            | Self::NestedTooDeep { .. }
            | Self::TooManyElements { .. }
            | Self::ValueTooLong { .. }
            | Self::InflatedTooLarge { .. }
            | Self::ImageTooLarge { .. }
            | Self::CodeStreamContradicts { .. }
            | Self::DecoderFailed => RejectionKind::Hostile,
            Self::TransferSyntax { .. }
            | Self::Malformed { .. }
            | Self::Header
            | Self::Deflate
            | Self::Unusable { .. }
            | Self::PixelDataTooShort { .. }
            | Self::Fragments { .. }
            | Self::CodeStream { .. } => RejectionKind::Broken,
            Self::Missing { kind, .. } => *kind,
            Self::NotDicom | Self::Foreign { .. } | Self::NotAxial { .. } | Self::FloatPixelData => {
                RejectionKind::NotAnImageOfThisKind
            }
        }
    }
}
