//! The walk through a sequence: iterative, so that no nesting can exhaust the stack.
//!
//! Of functional groups (PS3.3 section C.7.6.16) it gathers the attributes that the reader looks at, frame by frame,
//! into flat lists. Every other value of defined length is stepped over unread.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::element::{Element, Encoding, ITEM, ITEM_END, SEQUENCE_END};
use super::{List, Walk, malformed};
use crate::dicom::attribute::Attribute;
use crate::dicom::rejection::Rejection;

/// The functional group macros that describe a CT plane.
const MACROS: [Tag; 5] = [
    tags::PLANE_POSITION_SEQUENCE,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
];

/// Where in functional groups a sequence or item stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// SharedFunctionalGroupsSequence or PerFrameFunctionalGroupsSequence.
    Groups,
    /// The item of one frame.
    Frame,
    /// One of [`MACROS`].
    Macro,
    /// Its item, which holds the attributes.
    MacroItem,
    /// Anywhere else.
    Elsewhere,
}

impl Place {
    fn of(self, child: &Element) -> Self {
        let may_be_sequence = matches!(child.vr, None | Some(VR::SQ | VR::UN));
        match self {
            Self::Groups if child.tag == ITEM => Self::Frame,
            Self::Frame if MACROS.contains(&child.tag) && may_be_sequence => Self::Macro,
            Self::Macro if child.tag == ITEM => Self::MacroItem,
            _ => Self::Elsewhere,
        }
    }
}

/// An open sequence or item.
#[derive(Clone, Copy)]
struct Level {
    is_item: bool,
    place: Place,
    encoding: Encoding,
    /// Where it ends; `None` when a delimiter ends it.
    end: Option<usize>,
    /// What lies within ends here at the latest.
    limit: usize,
}

impl Level {
    /// Whether this is the delimiter that the level waits for.
    fn ends_with(&self, child: &Element) -> bool {
        self.end.is_none() && child.tag == if self.is_item { ITEM_END } else { SEQUENCE_END }
    }
}

impl Walk<'_, '_> {
    /// Where functional groups end, and the attributes of each of their items.
    pub(super) fn groups(&mut self, element: &Element) -> Result<(usize, Vec<List>), Rejection> {
        let mut frames = Vec::new();
        let end = self.walk(element, Place::Groups, &mut frames)?;
        Ok((end, frames))
    }

    /// Where a sequence ends that only its delimiter ends.
    pub(super) fn end_of_sequence(&mut self, element: &Element) -> Result<usize, Rejection> {
        self.walk(element, Place::Elsewhere, &mut Vec::new())
    }

    fn walk(&mut self, element: &Element, place: Place, frames: &mut Vec<List>) -> Result<usize, Rejection> {
        let mut levels = vec![self.open(element, place, self.scan.encoding, self.bytes.len())?];
        let mut at = element.value;
        while let Some(&level) = levels.last() {
            if level.end == Some(at) {
                levels.pop();
                continue;
            }
            let child = self.element(at, level.encoding)?;
            at = child.value;
            let is_item = child.tag == ITEM;
            let place = level.place.of(&child);
            match child.length {
                _ if level.ends_with(&child) => drop(levels.pop()),
                _ if is_item == level.is_item || (child.tag.0 == 0xFFFE && !is_item) => return Err(malformed(&child)),
                Some(length) if place == Place::Elsewhere => {
                    let value = self.within(&child, length, level.limit)?;
                    at = value.end;
                    if let (Place::MacroItem, Some(frame)) = (level.place, frames.last_mut())
                        && let Some(attribute) = Attribute::with_tag(child.tag)
                    {
                        let (value, limit) = (&self.bytes[value], self.limits.max_attribute_bytes);
                        frame.push(attribute, &child, value, level.encoding, limit)?;
                    }
                }
                _ => {
                    levels.push(self.open(&child, place, level.encoding, level.limit)?);
                    if place == Place::Frame {
                        frames.push(List::default());
                    }
                }
            }
            if levels.len() > self.limits.max_depth {
                return Err(Rejection::NestedTooDeep { limit: self.limits.max_depth });
            }
        }
        Ok(at)
    }

    fn open(&self, element: &Element, place: Place, encoding: Encoding, limit: usize) -> Result<Level, Rejection> {
        let is_item = element.tag == ITEM;
        let end = element.length.map(|length| self.within(element, length, limit)).transpose()?.map(|value| value.end);
        // PS3.5 section 6.2.2: UN holds an implicit little endian sequence, as does what some writers leave without
        // value representation
        let is_unknown = encoding.explicit && !is_item && matches!(element.vr, None | Some(VR::UN));
        let encoding = if is_unknown { Encoding::IMPLICIT_LITTLE } else { encoding };
        Ok(Level { is_item, place, encoding, end, limit: end.unwrap_or(limit) })
    }
}
