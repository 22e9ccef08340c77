//! Where the data set begins and how it is written: raw bytes in, [`Dataset`] out.

use std::borrow::Cow;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::element::{Element, Encoding};
use super::inflate::inflate;
use super::{SHORT_HEADER, only_zeros};
use crate::dicom::attribute::Keyword;
use crate::dicom::limits::Limits;
use crate::dicom::rejection::Rejection;

/// How PixelData is coded, as far as the transfer syntax says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Words, or whatever code stream is found in fragments.
    Native(Encoding),
    /// Native, after inflating the data set.
    Deflated,
    /// RLE: the one code stream without a signature of its own.
    Rle,
    /// JPEG, JPEG-LS or JPEG 2000: the code stream says which.
    CodeStream,
}

/// Retired in 2006, and still in archives.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// The transfer syntaxes that are read; every other one is refused by name.
const ALLOWED: [(&str, Coding); 13] = [
    (uids::IMPLICIT_VR_LITTLE_ENDIAN, Coding::Native(Encoding::IMPLICIT_LITTLE)),
    (uids::EXPLICIT_VR_LITTLE_ENDIAN, Coding::Native(Encoding::EXPLICIT_LITTLE)),
    (EXPLICIT_VR_BIG_ENDIAN, Coding::Native(Encoding::EXPLICIT_BIG)),
    (uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, Coding::Deflated),
    (uids::RLE_LOSSLESS, Coding::Rle),
    (uids::JPEG_BASELINE8_BIT, Coding::CodeStream),
    (uids::JPEG_EXTENDED12_BIT, Coding::CodeStream),
    (uids::JPEG_LOSSLESS, Coding::CodeStream),
    (uids::JPEG_LOSSLESS_SV1, Coding::CodeStream),
    (uids::JPEGLS_LOSSLESS, Coding::CodeStream),
    (uids::JPEGLS_NEAR_LOSSLESS, Coding::CodeStream),
    (uids::JPEG2000_LOSSLESS, Coding::CodeStream),
    (uids::JPEG2000, Coding::CodeStream),
];

/// Preamble and prefix: of a shorter file nobody can say what it will be.
const SHORTEST: usize = 132;

/// A data set ready to be walked.
#[derive(Debug)]
pub struct Dataset<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where its first element begins.
    pub start: usize,
    /// As found at the first element, which is not always what the header promises.
    pub encoding: Encoding,
    /// The refusal of a transfer syntax is kept until the header is read: what is no CT plane anyway is refused as that.
    pub coding: Result<Coding, Rejection>,
}

impl Dataset<'_> {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Finds the data set in a file with or without preamble, with or without meta group.
pub fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Dataset<'a>, Rejection> {
    if bytes.is_empty() {
        return Err(Rejection::Empty);
    }
    if bytes.len() > limits.max_file_bytes {
        return Err(Rejection::FileTooLarge { bytes: bytes.len(), limit: limits.max_file_bytes });
    }
    // PS3.10 section 7.1, but for writers that leave out the preamble, or the prefix as well
    let prefix_ends = [132, 4].into_iter().find(|&end| bytes.get(end - 4..end) == Some(b"DICM"));
    let Meta { end, transfer_syntax } = meta_group(bytes, prefix_ends.unwrap_or(0), limits)?;
    let coding = match transfer_syntax {
        Some(uid) => allowed(uid),
        None => Ok(Coding::Native(first_encoding(bytes, end, prefix_ends.is_some())?)),
    };
    if coding == Ok(Coding::Deflated) && Encoding::of_first_element(&bytes[end..]) != Some(Encoding::EXPLICIT_LITTLE) {
        let inflated = inflate(&bytes[end..], limits.max_inflated_bytes)?;
        let encoding = Encoding::of_first_element(&inflated).unwrap_or(Encoding::EXPLICIT_LITTLE);
        return Ok(Dataset { bytes: Cow::Owned(inflated), start: 0, encoding, coding });
    }
    let declared = match coding {
        Ok(Coding::Native(encoding)) => encoding,
        _ => Encoding::EXPLICIT_LITTLE,
    };
    let encoding = Encoding::of_first_element(&bytes[end..]).unwrap_or(declared);
    Ok(Dataset { bytes: Cow::Borrowed(bytes), start: end, encoding, coding })
}

struct Meta<'a> {
    /// Where the data set begins.
    end: usize,
    transfer_syntax: Option<&'a [u8]>,
}

/// Walks the elements of group 0002. FileMetaInformationGroupLength is not believed.
fn meta_group<'a>(bytes: &'a [u8], start: usize, limits: &Limits) -> Result<Meta<'a>, Rejection> {
    let mut meta = Meta { end: start, transfer_syntax: None };
    let mut elements = 0;
    while let Ok(element) = Element::read(bytes, meta.end, Encoding::EXPLICIT_LITTLE) {
        if element.tag.0 != 0x0002 {
            break;
        }
        elements += 1;
        if elements > limits.max_elements {
            return Err(Rejection::TooManyElements { limit: limits.max_elements });
        }
        let length = element.length.unwrap_or(usize::MAX);
        let left = bytes.len() - element.value;
        if length > left {
            return Err(Rejection::EndsInValue { element: Keyword(element.tag), declared: length, left });
        }
        meta.end = element.value + length;
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            meta.transfer_syntax = Some(&bytes[element.value..meta.end]);
        }
    }
    Ok(meta)
}

fn allowed(uid: &[u8]) -> Result<Coding, Rejection> {
    let digits = |b: &&u8| b.is_ascii_digit() || **b == b'.';
    let uid: String = uid.iter().take(64).take_while(digits).copied().map(char::from).collect();
    let known = ALLOWED.iter().find(|(allowed, _)| *allowed == uid);
    known.map(|&(_, coding)| coding).ok_or_else(|| {
        let standard = TransferSyntaxRegistry.get(&uid).map(|syntax| syntax.uid());
        Rejection::TransferSyntax { uid: standard.unwrap_or("of nobody's standard") }
    })
}

/// The encoding of a data set that nothing announces.
fn first_encoding(bytes: &[u8], at: usize, has_prefix: bool) -> Result<Encoding, Rejection> {
    if bytes.len() < SHORTEST.max(at + SHORT_HEADER) {
        return Err(Rejection::EndsInHeader { offset: at });
    }
    if let Some(encoding) = Encoding::of_first_element(&bytes[at..]) {
        let element = Element::read(bytes, at, encoding)?;
        let fits = element.length.is_none_or(|length| length <= bytes.len() - element.value);
        if has_prefix || fits && matches!(element.tag, Tag(2..0x30, _)) {
            return Ok(encoding);
        }
        return Err(Rejection::NotDicom);
    }
    // preamble and prefix may be written, or half written, and nothing behind them
    let offset = at.max(SHORTEST);
    if only_zeros(bytes, offset) { Err(Rejection::OnlyZeros { offset }) } else { Err(Rejection::NotDicom) }
}
