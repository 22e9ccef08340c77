//! The bounded pre-scan that stands before the parser: raw bytes in, proven pieces out.
//!
//! It walks the elements iteratively, holds every length against the bytes left, and hands on only what the reader
//! looks at: a small data set of [`Attribute`]s for the parser, and PixelData as slices of the file. Private
//! elements, names and free text never reach a parser. It allocates nothing by a declared length, and it never
//! recurses.

mod element;
mod inflate;
mod open;
mod sequence;
#[cfg(test)]
mod tests;

use std::ops::Range;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::attribute::{Attribute, Keyword};
use super::limits::Limits;
use super::rejection::Rejection;
pub use element::Encoding;
use element::{Element, ITEM, SEQUENCE_END, dictionary_vr};
pub use open::{Coding, Dataset, open};

/// One fragment of encapsulated PixelData.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Where its item begins, counted from the item of the first fragment, as the offset table counts.
    pub offset: usize,
    pub bytes: &'a [u8],
}

/// PixelData where it lies in the file.
#[derive(Clone, Debug)]
pub enum PixelData<'a> {
    Native(&'a [u8]),
    Encapsulated {
        /// BasicOffsetTable, little endian 32-bit offsets; often empty.
        offset_table: &'a [u8],
        fragments: Vec<Fragment<'a>>,
    },
}

/// What the walk has found.
#[derive(Debug)]
pub struct Scan<'a> {
    /// The attributes found, as a data set in `encoding`: what the parser gets to see.
    pub header: Vec<u8>,
    /// The items of SharedFunctionalGroupsSequence, each a data set in `encoding`.
    pub shared_groups: Vec<&'a [u8]>,
    /// The items of PerFrameFunctionalGroupsSequence.
    pub frame_groups: Option<Vec<&'a [u8]>>,
    pub encoding: Encoding,
    pub pixel_data: Option<PixelData<'a>>,
    /// FloatPixelData or DoubleFloatPixelData stands in the place of PixelData.
    pub float_pixel_data: bool,
    /// Why the walk stopped before the end of PixelData. What was found before it is still sound.
    pub outcome: Result<(), Rejection>,
}

/// Walks a data set up to the end of its PixelData; what follows is of no use here.
pub fn scan<'a>(dataset: &'a Dataset<'_>, limits: &Limits) -> Scan<'a> {
    let bytes = dataset.bytes();
    let mut walk = Walk {
        bytes,
        limits,
        elements: 0,
        scan: Scan {
            header: Vec::new(),
            shared_groups: Vec::new(),
            frame_groups: None,
            encoding: dataset.encoding,
            pixel_data: None,
            float_pixel_data: false,
            outcome: Ok(()),
        },
    };
    walk.scan.outcome = walk.dataset(dataset.start);
    walk.scan
}

struct Walk<'a, 'l> {
    bytes: &'a [u8],
    limits: &'l Limits,
    elements: usize,
    scan: Scan<'a>,
}

impl<'a> Walk<'a, '_> {
    fn dataset(&mut self, start: usize) -> Result<(), Rejection> {
        let mut at = start;
        while at < self.bytes.len() {
            let element = self.element(at, self.scan.encoding)?;
            match element.tag {
                // no group below 0004 stands in a data set: zeros that are to be filled, or garbage
                Tag(0..4, _) => return Err(zeros_or_malformed(self.bytes, &element)),
                tags::PIXEL_DATA => return self.pixel_data(&element),
                tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA => {
                    self.scan.float_pixel_data = true;
                    return Ok(());
                }
                tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE => {
                    (at, self.scan.shared_groups) = self.groups(&element)?;
                }
                tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => {
                    let (end, groups) = self.groups(&element)?;
                    (at, self.scan.frame_groups) = (end, Some(groups));
                }
                tag => {
                    at = self.end_of_value(&element)?;
                    if let Some(attribute) = Attribute::with_tag(tag) {
                        self.keep(attribute, &element, at)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, at: usize, encoding: Encoding) -> Result<Element, Rejection> {
        self.elements += 1;
        if self.elements > self.limits.max_elements {
            return Err(Rejection::TooManyElements { limit: self.limits.max_elements });
        }
        Element::read(self.bytes, at, encoding)
    }

    /// The value's range, when `length` bytes lie before `limit`.
    fn within(&self, element: &Element, length: usize, limit: usize) -> Result<Range<usize>, Rejection> {
        let left = limit.saturating_sub(element.value);
        if length <= left {
            Ok(element.value..element.value + length)
        } else if length > self.limits.max_file_bytes {
            Err(Rejection::LengthBeyondReason { element: Keyword(element.tag), declared: length })
        } else if limit < self.bytes.len() {
            Err(malformed(element))
        } else {
            Err(Rejection::EndsInValue { element: Keyword(element.tag), declared: length, left })
        }
    }

    /// Where the value ends. One of defined length is skipped unread, so that a malformed private sequence harms nobody.
    fn end_of_value(&mut self, element: &Element) -> Result<usize, Rejection> {
        match element.length {
            Some(length) => Ok(self.within(element, length, self.bytes.len())?.end),
            None => self.sequence(element, false, |_| ()),
        }
    }

    /// Adds an attribute to what the parser gets to see.
    fn keep(&mut self, attribute: Attribute, element: &Element, end: usize) -> Result<(), Rejection> {
        // a single value cannot be a sequence: what that would claim inside has not been walked
        if element.length.is_none() || element.vr == Some(VR::SQ) {
            return Err(malformed(element));
        }
        let value = &self.bytes[element.value..end];
        let (length, limit) = (value.len(), self.limits.max_value_bytes);
        if length > limit {
            return Err(Rejection::ValueTooLong { attribute, length, limit });
        }
        let encoding = self.scan.encoding;
        let header = &mut self.scan.header;
        if !encoding.explicit || (element.vr.is_some_and(|vr| vr != VR::UN)) {
            header.extend_from_slice(&self.bytes[element.start..end]);
        } else {
            // written as UN, or implicit inside an explicit data set: give it the representation it has by PS3.6
            let vr = dictionary_vr(element.tag).unwrap_or(VR::UN);
            let short = u16::try_from(value.len()).map_err(|_| malformed(element))?;
            header.extend_from_slice(&self.bytes[element.start..element.start + 4]);
            header.extend_from_slice(&vr.to_bytes());
            header.extend_from_slice(&if encoding.big_endian { short.to_be_bytes() } else { short.to_le_bytes() });
            header.extend_from_slice(value);
        }
        Ok(())
    }

    fn pixel_data(&mut self, element: &Element) -> Result<(), Rejection> {
        self.scan.pixel_data = Some(match element.length {
            Some(length) => PixelData::Native(&self.bytes[self.within(element, length, self.bytes.len())?]),
            None => self.fragments(element)?,
        });
        Ok(())
    }

    /// Walks the fragments (PS3.5 section A.4): offset table, then items, then the sequence delimiter.
    fn fragments(&mut self, element: &Element) -> Result<PixelData<'a>, Rejection> {
        let mut items: Vec<(usize, &'a [u8])> = Vec::new();
        let mut at = element.value;
        loop {
            let item = self.element(at, self.scan.encoding)?;
            match (item.tag, item.length) {
                (ITEM, Some(length)) => {
                    let value = self.within(&item, length, self.bytes.len())?;
                    at = value.end;
                    items.push((item.start, &self.bytes[value]));
                }
                (SEQUENCE_END, _) => break,
                _ => return Err(zeros_or_malformed(self.bytes, &item)),
            }
        }
        let Some((&(_, offset_table), fragments)) = items.split_first() else { return Err(malformed(element)) };
        let first = fragments.first().map_or(0, |&(start, _)| start);
        let fragments = fragments.iter().map(|&(start, bytes)| Fragment { offset: start - first, bytes }).collect();
        Ok(PixelData::Encapsulated { offset_table, fragments })
    }
}

fn malformed(element: &Element) -> Rejection {
    Rejection::Malformed { element: Keyword(element.tag), offset: element.start }
}

/// A console that allocates a file first and fills it later leaves zeros where an element should begin.
fn zeros_or_malformed(bytes: &[u8], element: &Element) -> Rejection {
    if bytes[element.start..].iter().all(|&b| b == 0) {
        Rejection::OnlyZeros { offset: element.start }
    } else {
        malformed(element)
    }
}
