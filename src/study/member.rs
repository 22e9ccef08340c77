//! One slice as a series remembers it: header, place and a digest of its pixels.

use super::arrangement::SAME_POSITION_MM;
use crate::dicom::{SliceHeader, Uid};
use sha2::{Digest, Sha256};
use std::fmt;

/// Which slice: SOPInstanceUID and, within a multi-frame instance, the frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SliceKey {
    /// SOPInstanceUID (0008,0018).
    pub sop_instance_uid: Uid,
    /// Zero-based frame; 0 for a single-frame instance.
    pub frame: u32,
}

impl From<&SliceHeader> for SliceKey {
    fn from(header: &SliceHeader) -> Self {
        Self { sop_instance_uid: header.sop_instance_uid.clone(), frame: header.frame }
    }
}

/// Digest of a slice's pixels: two slices that show the same picture share it, whatever their headers say.
///
/// SHA-256 of the Hounsfield units as little-endian 16-bit integers, cut to 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PixelDigest(pub [u8; 16]);

impl PixelDigest {
    /// The digest of `hounsfield`, row by row.
    pub fn of(hounsfield: &[i16]) -> Self {
        let mut sha = Sha256::new();
        let mut bytes = [0; 4096];
        for values in hounsfield.chunks(bytes.len() / 2) {
            for (pair, value) in bytes.chunks_exact_mut(2).zip(values) {
                pair.copy_from_slice(&value.to_le_bytes());
            }
            sha.update(&bytes[..values.len() * 2]);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&sha.finalize()[..16]);
        Self(digest)
    }
}

impl fmt::Debug for PixelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PixelDigest({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// Pixels of the slice above, of the slice itself and of the slice below, as last handed out for analysis.
pub(super) type Handed = [Option<PixelDigest>; 3];

/// What a series keeps of a slice.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub header: SliceHeader,
    pub pixels: PixelDigest,
    /// mm along the normal, growing towards the head.
    pub position: f64,
    /// Counts arrivals, from 0.
    pub arrival: u32,
    pub handed: Option<Handed>,
}

impl Member {
    pub fn new(header: SliceHeader, pixels: PixelDigest, arrival: u32) -> Self {
        Self { position: header.position_along_normal(), header, pixels, arrival, handed: None }
    }

    pub fn has_key(&self, key: &SliceKey) -> bool {
        self.header.sop_instance_uid == key.sop_instance_uid && self.header.frame == key.frame
    }

    /// Whether the two are readings of one slice: same identifier, same frame, same place.
    pub fn is_same_slice(&self, other: &Self) -> bool {
        self.header.sop_instance_uid == other.header.sop_instance_uid
            && self.header.frame == other.header.frame
            && ((self.position - other.position).abs() < SAME_POSITION_MM
                || self.position.total_cmp(&other.position).is_eq())
    }
}
