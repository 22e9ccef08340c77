//! The walk through a sequence: iterative, so that no nesting can exhaust the stack.

use std::ops::Range;

use dicom_core::{Tag, VR};

use super::element::{Element, Encoding, ITEM, ITEM_END, SEQUENCE_END};
use super::{Walk, malformed};
use crate::dicom::rejection::Rejection;

/// An open sequence or item.
#[derive(Clone, Copy)]
struct Level {
    is_item: bool,
    encoding: Encoding,
    /// Where its content begins.
    start: usize,
    /// Elements met before it.
    elements: usize,
    /// Where it ends; `None` when a delimiter ends it.
    end: Option<usize>,
    /// What lies within ends here at the latest.
    limit: usize,
}

impl<'a> Walk<'a, '_> {
    /// Where functional groups end, and the content of their items. The parser will be shown these, so that every
    /// length in them is walked, and the elements of each are few.
    pub(super) fn groups(&mut self, element: &Element) -> Result<(usize, Vec<&'a [u8]>), Rejection> {
        let (bytes, mut items) = (self.bytes, Vec::new());
        let end = self.sequence(element, true, |item| items.push(&bytes[item]))?;
        Ok((end, items))
    }

    /// Walks a sequence and hands its outermost items on. Returns where it ends. With `deep`, values of defined length
    /// are walked too.
    pub(super) fn sequence(
        &mut self,
        element: &Element,
        deep: bool,
        mut item: impl FnMut(Range<usize>),
    ) -> Result<usize, Rejection> {
        let mut levels = vec![self.level(element, false, self.scan.encoding, self.bytes.len(), deep)?];
        let mut at = element.value;
        while let Some(&level) = levels.last() {
            let end = if level.end == Some(at) {
                Some(at)
            } else {
                let child = self.element(at, level.encoding)?;
                at = child.value;
                if ends(&level, &child) {
                    Some(child.start)
                } else {
                    match self.child(&level, &child, deep)? {
                        Child::Opens(inner) => levels.push(inner),
                        Child::Ends(value) => at = value,
                    }
                    None
                }
            };
            if let Some(end) = end {
                levels.pop();
                if levels.len() == 1 {
                    item(level.start..end);
                }
            }
            if levels.len() > self.limits.max_depth {
                return Err(Rejection::NestedTooDeep { limit: self.limits.max_depth });
            }
            let limit = self.limits.max_group_elements;
            if deep && levels.get(1).is_some_and(|item| self.elements - item.elements > limit) {
                return Err(Rejection::TooManyElements { limit });
            }
        }
        Ok(at)
    }

    fn child(&self, level: &Level, child: &Element, deep: bool) -> Result<Child, Rejection> {
        let is_item = child.tag == ITEM;
        let fits = if level.is_item { child.tag.0 != 0xFFFE } else { is_item };
        if !fits {
            return Err(malformed(child));
        }
        match child.length {
            Some(length) if !(deep && (is_item || child.is_sequence(level.encoding))) => {
                Ok(Child::Ends(self.within(child, length, level.limit)?.end))
            }
            _ => self.level(child, is_item, level.encoding, level.limit, deep).map(Child::Opens),
        }
    }

    fn level(
        &self,
        element: &Element,
        is_item: bool,
        encoding: Encoding,
        limit: usize,
        deep: bool,
    ) -> Result<Level, Rejection> {
        // what the parser is shown must mean the same to it: no unknown value representation holds a sequence there
        if deep && !is_item && !element.is_sequence(encoding) {
            return Err(malformed(element));
        }
        let end = element.length.map(|length| self.within(element, length, limit)).transpose()?.map(|value| value.end);
        // PS3.5 section 6.2.2: UN of undefined length holds an implicit little endian sequence
        let unknown = element.vr == Some(VR::UN) || (encoding.explicit && !is_item && element.vr.is_none());
        let encoding = if unknown { Encoding::IMPLICIT_LITTLE } else { encoding };
        let (start, elements) = (element.value, self.elements);
        Ok(Level { is_item, encoding, start, elements, end, limit: end.unwrap_or(limit) })
    }
}

/// What an element within a sequence or item is to the walk.
enum Child {
    /// A sequence or item to be walked.
    Opens(Level),
    /// A value to be stepped over, up to here.
    Ends(usize),
}

/// Whether this is the delimiter that the level waits for.
fn ends(level: &Level, child: &Element) -> bool {
    let delimiter: Tag = if level.is_item { ITEM_END } else { SEQUENCE_END };
    level.end.is_none() && child.tag == delimiter
}
