//! What the parser gets to see: attributes rewritten so that it can read them in one way only.

use dicom_core::VR;

use super::element::{Element, Encoding, dictionary_vr};
use super::malformed;
use crate::dicom::attribute::Attribute;
use crate::dicom::rejection::Rejection;

/// Attributes as a data set in explicit little endian, whatever the file is written in, each with the value
/// representation that the standard gives it. No sequence is among them.
#[derive(Clone, Debug, Default)]
pub struct List(Vec<u8>);

impl List {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds an attribute. `limit` bounds the whole list, in bytes.
    pub fn push(
        &mut self,
        attribute: Attribute,
        element: &Element,
        value: &[u8],
        encoding: Encoding,
        limit: usize,
    ) -> Result<(), Rejection> {
        let vr = dictionary_vr(element.tag).unwrap_or(VR::UN);
        let is_words = vr == VR::US;
        if element.length.is_none() || element.vr == Some(VR::SQ) || is_words && !value.len().is_multiple_of(2) {
            return Err(malformed(element));
        }
        let length = self.0.len() + value.len();
        let (Ok(short), true) = (u16::try_from(value.len()), length <= limit) else {
            return Err(Rejection::ValueTooLong { attribute, length, limit });
        };
        self.0.extend(element.tag.0.to_le_bytes());
        self.0.extend(element.tag.1.to_le_bytes());
        self.0.extend(vr.to_bytes());
        self.0.extend(short.to_le_bytes());
        if is_words && encoding.big_endian {
            self.0.extend(value.as_chunks::<2>().0.iter().flat_map(|&[high, low]| [low, high]));
        } else {
            self.0.extend(value);
        }
        Ok(())
    }
}
