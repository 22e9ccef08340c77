//! The chain: an entry and the hash before it in, its hash out; a trail in, what breaks it out. Pure.
//!
//! `hash = SHA-256("spinewatch audit 1" | sequence | previous | at | actor | action | subject | detail)`: numbers are 64
//! bits, big-endian; a text is its length in bytes (64 bits) and its UTF-8; an optional one has a byte 1 before it, and
//! is a byte 0 where it is absent.
//!
//! Not keyed, on purpose. The device's secret lies beside the database, under the same owner: whoever can rewrite one
//! can read the other, and a key would only keep a clinic from verifying an export. What a stranger with the file can
//! do is to write the whole chain anew; the heads that went out with every health message tell.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{AuditEntry, CHECKPOINT, Checkpoint};
use crate::store::keys::hex;

/// SHA-256 of an entry.
pub type Hash = [u8; 32];

/// Before the first entry.
pub const GENESIS: Hash = [0; 32];

/// An entry with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// 1 for the first.
    pub sequence: u64,
    /// When, milliseconds since 1970: as it is stored, so that nothing is lost between disk and hash.
    pub at: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// Hash of the entry before.
    pub previous: Hash,
    /// Hash of this one.
    pub hash: Hash,
}

impl Link {
    /// The hash that this entry must have.
    pub fn computed(&self) -> Hash {
        let AuditEntry { actor, action, subject, detail, .. } = &self.entry;
        let mut hash = Sha256::new();
        hash.update(b"spinewatch audit 1");
        hash.update(self.sequence.to_be_bytes());
        hash.update(self.previous);
        hash.update(self.at.to_be_bytes());
        for text in [actor, action] {
            update(&mut hash, text);
        }
        for text in [subject, detail] {
            hash.update([u8::from(text.is_some())]);
            text.iter().for_each(|text| update(&mut hash, text));
        }
        hash.finalize().into()
    }
}

fn update(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

/// Where the chain ends: what goes out with every health message, as `<sequence>:<hash>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, hex(&self.hash))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is no head: give <sequence>:<64 hexadecimal digits>, as `audit_head` has it");
        let (sequence, digits) = text.trim().split_once(':').ok_or_else(cure)?;
        let hash = from_hex(digits).ok_or_else(cure)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| cure())?, hash })
    }
}

fn from_hex(digits: &str) -> Option<Hash> {
    let mut hash = GENESIS;
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// What breaks a trail. The first that is found, in order of the entries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its content is not what was hashed.
    #[error("entry {0} was changed: its hash does not hold")]
    Changed(u64),
    /// It is whole, but does not follow on the entry before it.
    #[error("entry {0} does not follow on the entry before it: one of the two was put there later")]
    Inserted(u64),
    /// Entries are gone that no checkpoint says were forgotten.
    #[error("entries {0} to {1} are missing")]
    Missing(u64, u64),
    /// The last entries are gone.
    #[error("the tail was cut off: the trail ends at entry {ends}, and once reached entry {reached}")]
    Truncated {
        /// Last entry that is there.
        ends: u64,
        /// Last that there was.
        reached: u64,
    },
    /// The chain holds in itself, and is not the one that the head was taken from.
    #[error("entry {0} has another hash than the head that was anchored: the trail was written anew")]
    Rewritten(u64),
    /// A row that is no entry.
    #[error("the entry after {0} cannot be read: {1}")]
    Unreadable(u64, String),
}

/// A trail that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries there.
    pub entries: u64,
    /// Number of the first; larger than 1 where retention has forgotten older ones.
    pub first: u64,
    /// The last.
    pub head: Option<Head>,
    /// The anchored head is among the entries; false where none was given, or where it was forgotten since.
    pub anchored: bool,
}

/// Walks a trail from its first entry to its last.
#[derive(Debug, Default)]
pub struct Walk {
    anchor: Option<Head>,
    first: Option<(u64, Hash)>,
    head: Option<Head>,
    checkpoint: Option<Checkpoint>,
    entries: u64,
    anchored: bool,
}

impl Walk {
    /// `anchor` is a head that was received from this device earlier.
    pub fn new(anchor: Option<Head>) -> Self {
        Self { anchor, ..Self::default() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, link: &Link) -> Result<(), Broken> {
        let sequence = link.sequence;
        let holds = link.computed() == link.hash;
        match self.head {
            Some(before) if sequence != before.sequence + 1 => {
                return Err(Broken::Missing(before.sequence + 1, sequence.saturating_sub(1)));
            }
            _ if !holds => return Err(Broken::Changed(sequence)),
            Some(before) if link.previous != before.hash => return Err(Broken::Inserted(sequence)),
            None => self.first = Some((sequence, link.previous)),
            Some(_) => {}
        }
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.sequence == sequence) {
            self.anchored = anchor.hash == link.hash;
            if !self.anchored {
                return Err(Broken::Rewritten(sequence));
            }
        }
        if link.entry.action == CHECKPOINT {
            self.checkpoint = link.entry.detail.as_deref().and_then(Checkpoint::parse);
        }
        self.entries += 1;
        self.head = Some(Head { sequence, hash: link.hash });
        Ok(())
    }

    /// Ends the walk; `reached` is the highest number that was ever given out, as the database remembers it.
    ///
    /// # Errors
    /// What is missing at either end.
    pub fn end(self, reached: u64) -> Result<Verified, Broken> {
        let ends = self.head.map_or(0, |head| head.sequence);
        let reached = reached.max(self.anchor.map_or(0, |anchor| anchor.sequence));
        if reached > ends {
            return Err(Broken::Truncated { ends, reached });
        }
        let (first, previous) = self.first.unwrap_or((0, GENESIS));
        let forgotten = self.checkpoint.unwrap_or(Checkpoint { through: 0, hash: GENESIS });
        if self.entries > 0 && first != forgotten.through + 1 {
            return Err(Broken::Missing(forgotten.through + 1, first.saturating_sub(1)));
        }
        if self.entries > 0 && previous != forgotten.hash {
            return Err(Broken::Inserted(first));
        }
        Ok(Verified { entries: self.entries, first, head: self.head, anchored: self.anchored })
    }
}

impl Checkpoint {
    fn parse(detail: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(detail).ok()?;
        Some(Self { through: value.get("through")?.as_u64()?, hash: from_hex(value.get("hash")?.as_str()?)? })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"{{"through":{},"hash":"{}"}}"#, self.through, hex(&self.hash))
    }
}
