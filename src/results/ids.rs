//! Names in, identifiers out: the same names give the same identifier. Pure.
//!
//! The names begin with the study key, which is a keyed hash, so that an identifier cannot be traced to a UID.

use sha2::{Digest, Sha256};

/// A UUID of version 8 (RFC 9562 section 5.8): the first 128 bits of SHA-256 over the names.
fn bits(names: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let (version, variant) = (8_u128 << 76, 2_u128 << 62);
    (u128::from_be_bytes(bytes) & !(0xF << 76) & !(3 << 62)) | version | variant
}

/// In the usual notation, for FHIR ids.
pub fn uuid(names: &[&str]) -> String {
    let hex = format!("{:032x}", bits(names));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The same number as a DICOM UID under 2.25 (PS3.5 annex B.2).
pub fn uid(names: &[&str]) -> String {
    format!("2.25.{}", bits(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_uuid_of_version_8_and_a_uid_of_at_most_64_characters() {
        let all: std::collections::BTreeSet<String> = (0..500).map(|i| uuid(&["a", &i.to_string()])).collect();
        assert_eq!(all.len(), 500);
        assert!(all.iter().all(|id| &id[14..15] == "8" && ["8", "9", "a", "b"].contains(&&id[19..20])));
        assert!((0..500).all(|i| uid(&["a", &i.to_string()]).len() <= 64));
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(uuid(&["ab", "c"]), uuid(&["a", "bc"]));
        assert_eq!(uid(&["a"]), uid(&["a"]));
    }
}
