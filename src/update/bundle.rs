//! A RAUC bundle of the verity format: where its parts lie, and what its manifest says. Pure over what can be read.
//!
//! ```text
//! squashfs payload │ dm-verity hash tree │ CMS SignedData with the manifest inside │ length of the CMS, u64 big endian
//! ```
//!
//! Never judges the signature: RAUC does, before anything that stands here is believed.

use std::io::{self, Read, Seek, SeekFrom};

use cms::cert::x509::der::asn1::OctetString;
use cms::cert::x509::der::{Decode, Encode};
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use super::verity::{self, Root, VerityError};
use crate::store::hex;

/// Bytes behind the signature that hold its length.
const TRAILER: u64 = 8;
/// A larger signature is none: certificates and a manifest of a few KiB.
const LONGEST_SIGNATURE: u64 = 1 << 20;

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `compatible` of section `update`: for which board.
    pub compatible: String,
    /// `version` of section `update`.
    pub version: String,
    /// Root of the hash tree, section `bundle`.
    pub root: Root,
}

/// A bundle whose parts were found.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its manifest; to be believed once RAUC has accepted the signature.
    pub manifest: Manifest,
    /// SHA-256 of the manifest, hex: names this very bundle.
    pub digest: String,
    /// Bytes of payload and hash tree.
    content: u64,
}

impl Bundle {
    /// Finds the parts of `bundle` and reads the manifest; `name` is for the refusal.
    ///
    /// # Errors
    /// [`Refusal::NotABundle`], [`Refusal::Format`] or [`Refusal::Unreadable`].
    pub fn read(bundle: &mut (impl Read + Seek), name: &str) -> Result<Self, Refusal> {
        let no = |why: &str| Refusal::NotABundle { file: name.to_owned(), why: why.to_owned() };
        let (content, signature) = signature(bundle).map_err(|error| unreadable(name, &error))?.map_err(no)?;
        let manifest = signed_content(&signature).ok_or_else(|| no("its signature is not a CMS SignedData"))?;
        let Some(manifest) = manifest else {
            return Err(Refusal::Format { file: name.to_owned(), format: "plain".to_owned() });
        };
        let text = std::str::from_utf8(&manifest).map_err(|_| no("its manifest is not text"))?;
        let digest = hex(&<[u8; 32]>::from(Sha256::digest(&manifest)));
        let keys = Keys(text);
        let format = keys.get("bundle", "format").unwrap_or("plain");
        if format != "verity" {
            return Err(Refusal::Format { file: name.to_owned(), format: format.to_owned() });
        }
        let manifest = keys.manifest().map_err(|key| no(&format!("its manifest has no usable {key}")))?;
        Ok(Self { manifest, digest, content })
    }

    /// Bytes of the payload.
    pub const fn payload(&self) -> u64 {
        self.content.saturating_sub(self.manifest.root.size)
    }

    /// Compares every block with what was signed; `progress` hears how many bytes are done.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] or [`Refusal::Unreadable`].
    pub fn check_content(
        &self,
        bundle: &mut (impl Read + Seek),
        name: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Refusal> {
        verity::check(bundle, self.content, &self.manifest.root, progress).map_err(|error| match error {
            VerityError::Read(error) => unreadable(name, &error),
            damage => Refusal::Damaged { file: name.to_owned(), why: damage.to_string() },
        })
    }
}

/// The words for a file that cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Refusal {
    Refusal::Unreadable { file: name.to_owned(), why: error.to_string() }
}

/// Where the content ends, and the signature; the inner error says why this is no bundle.
fn signature(bundle: &mut (impl Read + Seek)) -> io::Result<Result<(u64, Vec<u8>), &'static str>> {
    let length = bundle.seek(SeekFrom::End(0))?;
    let Some(before_trailer) = length.checked_sub(TRAILER) else { return Ok(Err("it is too short")) };
    bundle.seek(SeekFrom::Start(before_trailer))?;
    let mut trailer = [0; 8];
    bundle.read_exact(&mut trailer)?;
    let size = u64::from_be_bytes(trailer);
    let Some(content) = before_trailer.checked_sub(size).filter(|_| (1..=LONGEST_SIGNATURE).contains(&size)) else {
        return Ok(Err("it does not end in a signature"));
    };
    bundle.seek(SeekFrom::Start(content))?;
    let mut signature = Vec::new();
    bundle.take(size).read_to_end(&mut signature)?;
    Ok(Ok((content, signature)))
}

/// What the signature encloses: `None` outside for no CMS, inside for a detached signature.
fn signed_content(signature: &[u8]) -> Option<Option<Vec<u8>>> {
    let info = ContentInfo::from_der(signature).ok()?;
    let data = SignedData::from_der(&info.content.to_der().ok()?).ok()?;
    let Some(content) = data.encap_content_info.econtent else { return Some(None) };
    Some(Some(content.decode_as::<OctetString>().ok()?.into_bytes()))
}

/// The manifest's text, in the format of GLib's key files.
struct Keys<'a>(&'a str);

impl<'a> Keys<'a> {
    fn get(&self, section: &str, key: &str) -> Option<&'a str> {
        let mut inside = false;
        self.0.lines().map(str::trim).find_map(|line| {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                inside = name == section;
            }
            let (found, value) = line.split_once('=').filter(|_| inside)?;
            (found.trim() == key).then(|| value.trim())
        })
    }

    /// The error is the name of the key.
    fn manifest(&self) -> Result<Manifest, &'static str> {
        let update = |key| self.get("update", key).filter(|value| !value.is_empty()).ok_or(key);
        let tree = |key| self.get("bundle", key).ok_or(key);
        let digest = |key| unhex(tree(key)?).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or(key);
        Ok(Manifest {
            compatible: update("compatible")?.to_owned(),
            version: update("version")?.to_owned(),
            root: Root {
                hash: digest("verity-hash")?,
                salt: digest("verity-salt")?.to_vec(),
                size: tree("verity-size")?.parse().map_err(|_| "verity-size")?,
            },
        })
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
impl Bundle {
    /// One with only a manifest, for the tests of what is decided by it.
    pub(super) fn of_manifest(compatible: &str, version: &str) -> Self {
        let root = Root { hash: [0; 32], salt: vec![0; 32], size: 0 };
        let digest = hex(&<[u8; 32]>::from(Sha256::digest(format!("{compatible} {version}"))));
        Self { manifest: Manifest { compatible: compatible.into(), version: version.into(), root }, digest, content: 0 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Cursor;

    use super::*;

    const MANIFEST: &str = "[update]\ncompatible=board\nversion = 0.2.0\n\n[bundle]\nformat=verity\nverity-hash=\
        0101010101010101010101010101010101010101010101010101010101010101\nverity-salt=\
        0202020202020202020202020202020202020202020202020202020202020202\nverity-size=4096\n\n[image.rootfs]\n\
        version=9.9.9\nfilename=rootfs.ext4\n";

    #[test]
    fn the_manifest_is_read_by_section() {
        let manifest = Keys(MANIFEST).manifest().unwrap();
        assert_eq!((&*manifest.compatible, &*manifest.version), ("board", "0.2.0"));
        assert_eq!((manifest.root.hash, manifest.root.size), ([1; 32], 4096));
        for key in ["compatible", "version", "verity-hash", "verity-salt", "verity-size"] {
            let without = MANIFEST.replace(key, "x");
            assert_eq!(Keys(&without).manifest(), Err(key));
        }
    }

    #[test]
    fn a_file_that_is_no_bundle_is_refused_whatever_it_ends_with() {
        let huge = [vec![0; 100], u64::MAX.to_be_bytes().to_vec()].concat();
        let beyond = [vec![0; 100], 101_u64.to_be_bytes().to_vec()].concat();
        let nonsense = [vec![0x30; 100], 100_u64.to_be_bytes().to_vec()].concat();
        let deep = [b"\x30\x80".repeat(5000), 10_000_u64.to_be_bytes().to_vec()].concat();
        for file in [vec![], vec![0; 7], vec![0; 4096], huge, beyond, nonsense, deep] {
            let refusal = Bundle::read(&mut Cursor::new(&file), "x.raucb").unwrap_err();
            assert!(matches!(refusal, Refusal::NotABundle { .. }), "{refusal}");
            assert!(refusal.to_string().starts_with("x.raucb is not a whole RAUC bundle: "), "{refusal}");
        }
    }

    #[test]
    fn digits_are_hexadecimal_pairs() {
        assert_eq!(unhex("00ff7A"), Some(vec![0, 255, 122]));
        assert_eq!((unhex("0"), unhex("0g"), unhex("é0")), (None, None, None));
    }
}
