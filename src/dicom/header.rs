//! Attributes as typed values: the lists that the guard has proven in, numbers and words out.
//!
//! Absent and empty are the same: stripped data has both. A value that is there and cannot be read is a rejection
//! that names its attribute.

use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;

use super::attribute::Attribute;
use super::guard::{List, Scan};
use super::rejection::{Rejection, RejectionKind};
use super::slice::Uid;

/// The parsed attributes of one file.
pub struct Header<'a> {
    top: InMemDicomObject,
    shared: Option<InMemDicomObject>,
    /// Parsed one at a time, so that no number of frames takes more memory than one.
    frames: Option<&'a [List]>,
}

impl<'a> Header<'a> {
    /// Parses what the guard has kept.
    pub fn parse(scan: &'a Scan) -> Result<Self, Rejection> {
        let shared = scan.shared.first().map(parse).transpose()?;
        Ok(Self { top: parse(&scan.top)?, shared, frames: scan.frames.as_deref() })
    }

    /// The attributes outside functional groups.
    pub fn top(&self) -> Attributes<'_> {
        Attributes(vec![&self.top])
    }

    /// Number of items in PerFrameFunctionalGroupsSequence; `None` for a classic single-frame image.
    pub fn frame_groups(&self) -> Option<usize> {
        self.frames.map(<[_]>::len)
    }

    /// Hands on the attributes of one frame, looked for in its own functional groups, then in the shared ones, then
    /// outside.
    pub fn frame<T>(
        &self,
        frame: usize,
        work: impl FnOnce(&Attributes) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let own = self.frames.and_then(|frames| frames.get(frame)).map(parse).transpose()?;
        work(&Attributes(own.iter().chain(&self.shared).chain([&self.top]).collect()))
    }
}

fn parse(list: &List) -> Result<InMemDicomObject, Rejection> {
    let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
    InMemDicomObject::read_dataset_with_ts(list.bytes(), &syntax).map_err(|_| Rejection::Header)
}

/// Attributes of one frame: the first data set that has one wins.
pub struct Attributes<'a>(Vec<&'a InMemDicomObject>);

impl Attributes<'_> {
    /// The values as trimmed text, empty ones left out.
    fn values(&self, attribute: Attribute) -> Vec<String> {
        let element = self.0.iter().find_map(|object| object.element_opt(attribute.tag()).ok()?);
        let values = element.and_then(|element| element.value().to_multi_str().ok());
        let trim = |value: &String| value.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned();
        values.as_deref().unwrap_or_default().iter().map(trim).filter(|value| !value.is_empty()).collect()
    }

    /// Code strings in upper case; empty when absent.
    pub fn words(&self, attribute: Attribute) -> Vec<String> {
        self.values(attribute).iter().map(|word| word.to_uppercase()).collect()
    }

    /// The first code string in upper case.
    pub fn word(&self, attribute: Attribute) -> Option<String> {
        self.words(attribute).into_iter().next()
    }

    /// `N` finite numbers; `None` when absent.
    pub fn numbers<const N: usize>(&self, attribute: Attribute) -> Result<Option<[f64; N]>, Rejection> {
        let values = self.values(attribute);
        if values.is_empty() {
            return Ok(None);
        }
        let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok().filter(|n: &f64| n.is_finite())).collect();
        let numbers = numbers.ok_or(Rejection::Unusable { attribute, why: "is not a number" })?;
        let count = Rejection::Unusable { attribute, why: "has another number of values than it should" };
        numbers.try_into().map(Some).map_err(|_| count)
    }

    /// One whole number from 0 to 2^32 - 1; `None` when absent.
    pub fn count(&self, attribute: Attribute) -> Result<Option<u32>, Rejection> {
        let Some([number]) = self.numbers(attribute)? else { return Ok(None) };
        let whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
        let count = number as u32;
        if whole { Ok(Some(count)) } else { Err(Rejection::Unusable { attribute, why: "is not a count" }) }
    }

    /// A UID that must be there.
    pub fn uid(&self, attribute: Attribute, kind: RejectionKind) -> Result<Uid, Rejection> {
        let uid = self.values(attribute).into_iter().next().ok_or(Rejection::Missing { attribute, kind })?;
        if uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Uid::new(&uid))
        } else {
            Err(Rejection::Unusable { attribute, why: "is not a UID" })
        }
    }
}
