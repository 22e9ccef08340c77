//! `digest.txt`: one line `<sha256>  <path>` per file of a package, sorted by path; the text that is signed.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Name of the list in a package.
pub(super) const LIST: &str = "digest.txt";
/// Name of its signature.
pub(super) const SIGNATURE: &str = "digest.txt.minisig";

/// SHA-256 in 64 lower-case hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The list of path and digest as text.
pub(super) fn write(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}

/// Reads the list back: path to digest. The error names the line and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut files = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let fault = |why| (index + 1, why);
        let (digest, path) = line.split_once("  ").ok_or(fault("is not `<sha256>  <path>`"))?;
        if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(fault("does not begin with 64 lower-case hexadecimal digits"));
        }
        if !inside(path) {
            return Err(fault("names a path outside the package"));
        }
        if files.last_key_value().is_some_and(|(last, _): (&String, &String)| last.as_str() >= path) {
            return Err(fault("is out of order or repeated"));
        }
        files.insert(path.to_owned(), digest.to_owned());
    }
    Ok(files)
}

/// A relative path of plain names with `/` between them.
fn inside(path: &str) -> bool {
    !path.contains(['\\', '\0']) && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    #[test]
    fn what_is_written_is_read_back() {
        let files = BTreeMap::from([("golden/0/image.npy".to_owned(), sha256(b"a")), ("m".to_owned(), sha256(b""))]);
        assert_eq!(parse(&write(&files)).unwrap(), files);
        assert_eq!(files["m"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_path_cannot_leave_the_package() {
        for path in ["../model.onnx", "/etc/passwd", "a/../../b", "a//b", ".", "a/./b", "", "..\\model.onnx", "a\0"] {
            assert_eq!(parse(&format!("{ZERO}  {path}\n")), Err((1, "names a path outside the package")), "{path:?}");
        }
    }

    #[test]
    fn a_malformed_line_is_named() {
        let good = format!("{ZERO}  b\n");
        for (line, why) in [
            ("nonsense".to_owned(), "is not `<sha256>  <path>`"),
            (format!("{}  c", &ZERO[1..]), "does not begin with 64 lower-case hexadecimal digits"),
            (format!("{}  c", ZERO.replace('0', "A")), "does not begin with 64 lower-case hexadecimal digits"),
            (format!("{ZERO}  b"), "is out of order or repeated"),
            (format!("{ZERO}  a"), "is out of order or repeated"),
        ] {
            assert_eq!(parse(&format!("{good}{line}\n")), Err((2, why)), "{line}");
        }
    }
}
