//! Bytes in, canaries that are in them out: as they stand, in capitals or not, as UTF-16 of either order, hexadecimal,
//! base64 at any alignment, percent-encoded; whole, or any eight characters of text, fourteen digits of a long number.
//!
//! The bytes are decoded in every way, rather than the canaries encoded: one search then finds every piece.

use std::collections::{BTreeSet, HashMap};

use super::canaries::{Canary, Kind};

const PIECE: usize = 8;
const DIGITS: usize = 14;

/// What stands between two runs of a decoding.
const BREAK: u8 = 0xFF;

struct Needle {
    canary: usize,
    bytes: Vec<u8>,
    /// Short numbers stand by chance in longer ones.
    alone: bool,
}

/// All pieces of all canaries, by their first eight bytes.
pub struct Search {
    needles: HashMap<u64, Vec<Needle>>,
    /// Which first four bytes can begin a piece at all.
    beginnings: Vec<bool>,
}

/// Where a canary was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Index into the canaries.
    pub canary: usize,
    /// How the bytes were read.
    pub reading: &'static str,
    /// What stands there.
    pub context: String,
}

impl Search {
    pub fn new(canaries: &[Canary]) -> Self {
        let mut search = Self { needles: HashMap::new(), beginnings: vec![false; 1 << 20] };
        for (canary, planted) in canaries.iter().enumerate() {
            let value = planted.value.to_ascii_lowercase().into_bytes();
            match (planted.kind, value.len()) {
                (Kind::Text, _) => value.windows(PIECE).for_each(|piece| search.add(canary, piece, false)),
                (_, 0..PIECE) => {}
                (_, PIECE..=DIGITS) => search.add(canary, &value, true),
                _ => {
                    let number = value.strip_prefix(b"2.25.").unwrap_or(&value);
                    number.windows(DIGITS).for_each(|piece| search.add(canary, piece, false));
                }
            }
        }
        search
    }

    fn add(&mut self, canary: usize, bytes: &[u8], alone: bool) {
        self.beginnings[beginning(bytes)] = true;
        let needle = Needle { canary, bytes: bytes.to_vec(), alone };
        self.needles.entry(first(bytes)).or_default().push(needle);
    }

    /// Every canary that is in `bytes`, once.
    pub fn find(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found = BTreeSet::new();
        for (reading, decoded) in readings(bytes) {
            self.scan(&decoded.to_ascii_lowercase(), reading, &mut found);
        }
        let mut seen = BTreeSet::new();
        found.into_iter().filter(|it: &Found| seen.insert(it.canary)).collect()
    }

    fn scan(&self, bytes: &[u8], reading: &'static str, found: &mut BTreeSet<Found>) {
        for (at, window) in bytes.windows(PIECE).enumerate() {
            if !self.beginnings[beginning(window)] {
                continue;
            }
            for needle in self.needles.get(&first(window)).into_iter().flatten() {
                let end = at + needle.bytes.len();
                let is_here = bytes.get(at..end) == Some(&needle.bytes[..]);
                let joins = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.');
                let is_part = needle.alone && (joins(bytes[..at].last()) || joins(bytes.get(end)));
                if is_here && !is_part {
                    let around = &bytes[at.saturating_sub(40)..(end + 24).min(bytes.len())];
                    let context = String::from_utf8_lossy(around).escape_debug().to_string();
                    found.insert(Found { canary: needle.canary, reading, context });
                }
            }
        }
    }
}

fn first(bytes: &[u8]) -> u64 {
    bytes[..PIECE].iter().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

fn beginning(bytes: &[u8]) -> usize {
    let word = bytes[..4].iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    (word.wrapping_mul(2_654_435_761) >> 12) as usize
}

/// `bytes` in every reading.
fn readings(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let every_second = |from: usize| bytes.iter().skip(from).step_by(2).copied().collect();
    let mut all = vec![
        ("as it stands", bytes.to_vec()),
        ("UTF-16", every_second(0)),
        ("UTF-16", every_second(1)),
        ("hexadecimal", hexadecimal(bytes)),
        ("hexadecimal", hexadecimal(bytes.get(1..).unwrap_or_default())),
        ("percent-encoded", percent(bytes)),
    ];
    all.extend((0..4).map(|from| ("base64", base64(bytes.get(from..).unwrap_or_default()))));
    all
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4) | digit(*pair.get(1)?)?);
    bytes.chunks(2).map(|two| pair(two).unwrap_or(BREAK)).collect()
}

/// The usual alphabet and the one for addresses.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3);
    for four in bytes.chunks(4) {
        let word = four.iter().try_fold(0_u32, |word, byte| Some((word << 6) | u32::from(digit(*byte)?)));
        match word.filter(|_| four.len() == 4) {
            Some(word) => decoded.extend(&word.to_be_bytes()[1..]),
            None => decoded.push(BREAK),
        }
    }
    decoded
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| *byte == b'%').map(hexadecimal).and_then(|one| one.first().copied());
        decoded.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    decoded
}
