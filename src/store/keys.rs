//! Keyed hashes in the place of identifiers: HMAC-SHA256 (RFC 2104) under a secret of the device, the first 128 bits.
//!
//! Takes in UIDs and paths, hands on 32 hexadecimal digits. Without the secret, a key cannot be traced to its UID, not
//! even by trying all UIDs of a hospital. Never writes a UID.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::StoreError;
use crate::dicom::{SliceHeader, Uid};

const SECRET_FILE: &str = "device.secret";

/// Where the secret came from. A new secret gives every study a new key: say so on the screen when one was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// Read from the state folder.
    Loaded,
    /// There was none: first start.
    Created,
    /// The file did not hold 32 bytes and was overwritten.
    Replaced,
}

/// The device's secret, and what is hashed with it.
#[derive(Clone)]
pub struct Keys {
    secret: [u8; 32],
    origin: SecretOrigin,
}

/// A slice header in which every UID is its keyed hash: what the stages behind `dicom` may carry and the store may keep.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedHeader {
    /// Keyed hash of StudyInstanceUID.
    pub study_key: String,
    /// Keyed hash of SeriesInstanceUID.
    pub series_key: String,
    /// Keyed hash of SOPInstanceUID and frame; equals `Evidence::slice_key`.
    pub slice_key: String,
    /// The header; its three `Uid` fields hold the three keys above.
    pub header: SliceHeader,
}

impl Keys {
    /// Reads the secret from `state_dir`, or creates it: 32 random bytes, file mode 0600, durable before use.
    ///
    /// # Errors
    /// [`StoreError::Io`] and its kin when the file cannot be read or written.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(SECRET_FILE);
        let io = || StoreError::io(&path);
        match fs::read(&path) {
            Ok(bytes) => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io())?;
                match <[u8; 32]>::try_from(bytes) {
                    Ok(secret) => Ok(Self { secret, origin: SecretOrigin::Loaded }),
                    Err(_) => Self::create(state_dir, SecretOrigin::Replaced),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::create(state_dir, SecretOrigin::Created)
            }
            Err(error) => Err(io()(error)),
        }
    }

    /// For tests and for offline verbs that keep nothing.
    pub const fn from_secret(secret: [u8; 32]) -> Self {
        Self { secret, origin: SecretOrigin::Loaded }
    }

    /// A secret that lives as long as the process, for verbs that write nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the operating system has no randomness.
    pub fn ephemeral() -> Result<Self, StoreError> {
        Ok(Self { secret: random()?, origin: SecretOrigin::Created })
    }

    /// Whether the secret was found, created, or replaced.
    pub const fn origin(&self) -> SecretOrigin {
        self.origin
    }

    /// Key of a study.
    pub fn study(&self, uid: &Uid) -> String {
        self.hash("study", &[uid.as_str()])
    }

    /// Key of a series.
    pub fn series(&self, uid: &Uid) -> String {
        self.hash("series", &[uid.as_str()])
    }

    /// Key of one frame (zero-based) of an instance.
    pub fn slice(&self, sop_instance_uid: &Uid, frame: u32) -> String {
        self.hash("slice", &[sop_instance_uid.as_str(), &frame.to_string()])
    }

    /// Key of a path on the share.
    pub fn path(&self, path: &str) -> String {
        self.hash("path", &[path])
    }

    /// Digest of a section of the configuration, which may hold what nobody must guess.
    pub fn configuration(&self, section: &str) -> String {
        self.hash("configuration", &[section])
    }

    /// A secret of its own for the digests of paths that ingest makes, derived from the device's.
    pub fn path_secret(&self) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length");
        mac.update(b"paths of ingest");
        mac.finalize().into_bytes().into()
    }

    /// Replaces every UID of `header` by its key.
    pub fn pseudonymise(&self, header: SliceHeader) -> KeyedHeader {
        let study_key = self.study(&header.study_instance_uid);
        let series_key = self.series(&header.series_instance_uid);
        let slice_key = self.slice(&header.sop_instance_uid, header.frame);
        KeyedHeader::new(study_key, series_key, slice_key, header)
    }

    /// The kind stands first, so that equal texts of two kinds have two keys; a UID holds no NUL.
    fn hash(&self, kind: &str, parts: &[&str]) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length");
        mac.update(kind.as_bytes());
        for part in parts {
            mac.update(&[0]);
            mac.update(part.as_bytes());
        }
        hex(&mac.finalize().into_bytes()[..16])
    }

    /// A temporary name and a rename: a power cut leaves the old secret or the new one, never half of one.
    fn create(state_dir: &Path, origin: SecretOrigin) -> Result<Self, StoreError> {
        let secret = random()?;
        let path = state_dir.join(SECRET_FILE);
        let partial = state_dir.join(format!("{SECRET_FILE}.partial"));
        let write = || -> std::io::Result<()> {
            let _ = fs::remove_file(&partial);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
            file.write_all(&secret)?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            File::open(state_dir)?.sync_all()
        };
        write().map_err(StoreError::io(&path))?;
        Ok(Self { secret, origin })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl KeyedHeader {
    pub(super) fn new(study_key: String, series_key: String, slice_key: String, mut header: SliceHeader) -> Self {
        header.study_instance_uid = Uid::new(&study_key);
        header.series_instance_uid = Uid::new(&series_key);
        header.sop_instance_uid = Uid::new(&slice_key);
        Self { study_key, series_key, slice_key, header }
    }
}

fn random() -> Result<[u8; 32], StoreError> {
    let source = Path::new("/dev/urandom");
    let mut secret = [0; 32];
    File::open(source).and_then(|mut file| file.read_exact(&mut secret)).map_err(StoreError::io(source))?;
    Ok(secret)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_is_the_first_half_of_hmac_sha256() {
        // Independent value: python3 -c "import hmac;print(hmac.new(bytes(range(32)),b'study\x001.2.3','sha256').hexdigest()[:32])"
        let keys = Keys::from_secret(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(keys.study(&Uid::new("1.2.3")), "1aae6e50e63819a4006efa4a2187e382");
        assert_eq!(keys.slice(&Uid::new("1.2.3"), 7), "3fc8e637df71c3e40c3e6e857b95ffd1");
    }

    #[test]
    fn kinds_frames_and_devices_never_share_a_key() {
        let keys = Keys::from_secret([1; 32]);
        let uid = Uid::new("1.2.840.1");
        let all = [
            keys.study(&uid),
            keys.series(&uid),
            keys.slice(&uid, 0),
            keys.slice(&uid, 1),
            keys.path(uid.as_str()),
            Keys::from_secret([2; 32]).study(&uid),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|key| key.len() == 32));
    }

    #[test]
    fn the_secret_is_made_once_with_mode_0600_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::open(dir.path()).unwrap();
        assert_eq!(first.origin(), SecretOrigin::Created);
        let mode = fs::metadata(dir.path().join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = Keys::open(dir.path()).unwrap();
        assert_eq!(second.origin(), SecretOrigin::Loaded);
        assert_eq!(first.secret, second.secret);
    }

    #[test]
    fn a_cut_secret_is_replaced_and_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SECRET_FILE), [7; 31]).unwrap();
        assert_eq!(Keys::open(dir.path()).unwrap().origin(), SecretOrigin::Replaced);
        assert_eq!(Keys::open(dir.path()).unwrap().origin(), SecretOrigin::Loaded);
    }

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", Keys::from_secret([7; 32])), "Keys { origin: Loaded, .. }");
    }
}
