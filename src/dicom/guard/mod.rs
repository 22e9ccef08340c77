//! The bounded pre-scan that stands before the parser: raw bytes in, proven pieces out.
//!
//! It walks the elements iteratively, holds every length against the bytes left, and hands on only what the reader
//! looks at: flat lists of [`Attribute`]s for the parser, rewritten so that it cannot read them another way, and
//! PixelData as slices of the file. Private elements, names and free text never reach a parser. It allocates nothing
//! by a declared length, and it never recurses.

mod element;
mod inflate;
mod list;
mod open;
mod sequence;
#[cfg(test)]
mod tests;

use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attribute::{Attribute, Keyword};
use super::limits::Limits;
use super::rejection::Rejection;
pub use element::Encoding;
use element::{Element, ITEM, SEQUENCE_END};
pub use list::List;
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
    /// The attributes outside functional groups.
    pub top: List,
    /// Those of each item of SharedFunctionalGroupsSequence: one, by the standard.
    pub shared: Vec<List>,
    /// Those of each item of PerFrameFunctionalGroupsSequence.
    pub frames: Option<Vec<List>>,
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
            top: List::default(),
            shared: Vec::new(),
            frames: None,
            encoding: dataset.encoding,
            pixel_data: None,
            float_pixel_data: false,
            outcome: Ok(()),
        },
    };
    walk.scan.outcome = walk.dataset(dataset.start).map_err(|rejection| unfilled(bytes, rejection));
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
                // no group below 0004 stands in a data set
                Tag(0..4, _) => return Err(malformed(&element)),
                tags::PIXEL_DATA => return self.pixel_data(&element),
                tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA => {
                    self.scan.float_pixel_data = true;
                    return Ok(());
                }
                tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE => (at, self.scan.shared) = self.groups(&element)?,
                tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => {
                    let (end, frames) = self.groups(&element)?;
                    (at, self.scan.frames) = (end, Some(frames));
                }
                tag => {
                    at = self.end_of_value(&element)?;
                    if let Some(attribute) = Attribute::with_tag(tag) {
                        let (value, encoding) = (&self.bytes[element.value..at], self.scan.encoding);
                        self.scan.top.push(attribute, &element, value, encoding, self.limits.max_attribute_bytes)?;
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
            None => self.end_of_sequence(element),
        }
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
                _ => return Err(malformed(&item)),
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

/// A console that allocates a file first and fills it later leaves zeros where an element should be: what looks
/// malformed then is not yet written.
fn unfilled(bytes: &[u8], rejection: Rejection) -> Rejection {
    match rejection {
        Rejection::Malformed { offset, .. } if only_zeros(bytes, offset + SHORT_HEADER) => {
            Rejection::OnlyZeros { offset: offset + SHORT_HEADER }
        }
        rejection => rejection,
    }
}

/// Tag and length, or tag, value representation and short length.
const SHORT_HEADER: usize = 8;

fn only_zeros(bytes: &[u8], from: usize) -> bool {
    bytes.get(from..).is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
}
