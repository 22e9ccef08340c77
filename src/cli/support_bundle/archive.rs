//! Members with their text in; a tar.gz with a manifest out, under a limit of its size. The same members give the same bytes.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::store::hex;

/// All members together, bytes before compression: what cannot be compressed fits into 8 MiB as well.
pub const MOST: usize = (8 << 20) - (256 << 10);
/// The folder in the archive.
const FOLDER: &str = "spinewatch-support";

/// What was asked for and what was had.
#[derive(Debug)]
struct Member {
    name: &'static str,
    text: String,
    told: Told,
}

/// A line of the manifest.
#[derive(Clone, Debug, Serialize)]
struct Told {
    bytes: usize,
    sha256: String,
    /// The beginning is missing: it was too long.
    cut: bool,
    /// Why there is a note in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

/// A bundle that is being filled.
#[derive(Debug)]
pub struct Bundle {
    at: Timestamp,
    members: Vec<Member>,
    left: usize,
}

impl Bundle {
    /// An empty one, made at this time.
    pub const fn new(at: Timestamp) -> Self {
        Self { at, members: Vec::new(), left: MOST }
    }

    /// Adds a member of at most `most` bytes, of which the end is kept; or a note, where there is none.
    pub fn add(&mut self, name: &'static str, text: Result<String, String>, most: usize) {
        let (text, missing) = match text {
            Ok(text) => (text, None),
            Err(why) => (format!("not available: {why}\n"), Some(why)),
        };
        let kept = end_of(&text, most.min(self.left));
        self.left -= kept.len();
        let sha256 = hex(&Sha256::digest(kept.as_bytes()));
        let told = Told { bytes: kept.len(), sha256, cut: kept.len() < text.len(), missing };
        self.members.push(Member { name, text: kept.to_owned(), told });
    }

    /// Names of members that could not be had, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().filter_map(|member| Some((member.name, member.told.missing.as_deref()?)))
    }

    /// How many members there are, and how many are notes.
    pub fn summary(&self) -> String {
        let missing = self.failed().count();
        let bytes: usize = self.members.iter().map(|member| member.text.len()).sum();
        format!("{} members, {} KiB before compression, {missing} not available", self.members.len(), bytes >> 10)
    }

    /// Writes it where only its owner may read it; replaces what was there at once or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
        self.pack(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// The archive: the manifest, then the members in the order in which they were added.
    fn pack(&self, out: impl Write) -> io::Result<()> {
        let mtime = u64::try_from(self.at.as_second()).unwrap_or(0);
        let gz: GzEncoder<_> = GzBuilder::new().write(out, Compression::best());
        let mut tar = tar::Builder::new(gz);
        let manifest = self.manifest();
        let members = self.members.iter().map(|member| (member.name, member.text.as_str()));
        for (name, text) in std::iter::once(("manifest.json", manifest.as_str())).chain(members) {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(mtime);
            header.set_entry_type(tar::EntryType::Regular);
            tar.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())?;
        }
        tar.into_inner()?.finish()?.flush()
    }

    fn manifest(&self) -> String {
        let members: serde_json::Map<_, _> =
            self.members.iter().map(|member| (member.name.to_owned(), json!(member.told))).collect();
        let version = env!("CARGO_PKG_VERSION");
        format!("{:#}\n", json!({ "made_at": self.at.to_string(), "made_by": version, "members": members }))
    }
}

/// At most the last `most` bytes, from the beginning of a line where one begins there.
fn end_of(text: &str, most: usize) -> &str {
    let Some(over) = text.len().checked_sub(most).filter(|over| *over > 0) else { return text };
    let from = (over..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let end = &text[from..];
    if text[..from].ends_with('\n') {
        return end;
    }
    end.find('\n').map_or(end, |at| &end[at + 1..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_keeps_its_last_whole_lines() {
        let text = "first\nsecond\nthird\n";
        assert_eq!([14, 13, 12].map(|most| end_of(text, most)), ["second\nthird\n", "second\nthird\n", "third\n"]);
        assert_eq!(end_of("short", 5), "short");
        assert_eq!(end_of("ääää", 3), "ä");
        assert_eq!(end_of("a", 0), "");
    }

    #[test]
    fn a_bundle_never_grows_beyond_its_limit() {
        let mut bundle = Bundle::new(Timestamp::UNIX_EPOCH);
        // hardly compressible: hashes of numbers
        let noise: String = (0_u32..60_000).map(|n| hex(&Sha256::digest(n.to_be_bytes())) + "\n").collect();
        for name in ["a", "b", "c", "d"] {
            bundle.add(name, Ok(noise.clone()), 4 << 20);
        }
        let mut packed = Vec::new();
        bundle.pack(&mut packed).unwrap();
        assert!(packed.len() < 8 << 20, "{} bytes", packed.len());
        assert!(bundle.members.iter().map(|member| member.text.len()).sum::<usize>() <= MOST);
        assert_eq!(bundle.members.iter().map(|member| member.told.cut).collect::<Vec<_>>(), [false, false, true, true]);
    }

    #[test]
    fn the_same_members_give_the_same_bytes() {
        let packed = || {
            let mut bundle = Bundle::new(Timestamp::UNIX_EPOCH);
            bundle.add("a.txt", Ok("text".into()), 100);
            bundle.add("b.txt", Err("it hangs".into()), 100);
            let mut packed = Vec::new();
            bundle.pack(&mut packed).unwrap();
            packed
        };
        assert_eq!(packed(), packed());
    }
}
