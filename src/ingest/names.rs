//! A file or folder name in; whether it is worth a look out. Names only: nothing is opened.

/// Unfinished copies, by ending, in lower case: the console renames the file when it is whole.
const UNFINISHED: [&[u8]; 9] =
    [b".tmp", b".temp", b".part", b".partial", b".filepart", b".crdownload", b".download", b".lock", b"~"];

/// What file managers, NAS boxes and DICOM media leave on a share, in lower case.
const FURNITURE: [&[u8]; 9] = [
    b"desktop.ini",
    b"thumbs.db",
    b"dicomdir",
    b"lockfile",
    b"$recycle.bin",
    b"system volume information",
    b"@eadir",
    b"#recycle",
    b"lost+found",
];

/// Unfinished, hidden, or nothing a console writes as an image.
pub(super) fn is_ignored(name: &[u8]) -> bool {
    let ends_with =
        |ending: &[u8]| name.len() >= ending.len() && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending);
    name.starts_with(b".")
        || name.starts_with(b"~")
        || UNFINISHED.iter().any(|ending| ends_with(ending))
        || FURNITURE.iter().any(|furniture| name.eq_ignore_ascii_case(furniture))
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn unfinished_copies_are_left_alone() {
        for name in
            ["1.dcm.tmp", "1.dcm.PART", "1.filepart", "IM1.crdownload", "IM1~", "~$IM1", ".IM1.dcm.swp", "a.lock"]
        {
            assert!(is_ignored(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_furniture_of_a_share_is_left_alone() {
        for name in
            ["desktop.ini", "Thumbs.db", "DICOMDIR", "._IM1", ".DS_Store", "@eaDir", "$RECYCLE.BIN", "lost+found"]
        {
            assert!(is_ignored(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_a_console_writes_is_taken() {
        for name in ["IM000001", "1.dcm", "1.2.840.113619.2.55", "tmp", "part.dcm", "thumbs.db.dcm", "\u{fc}ber.dcm"] {
            assert!(!is_ignored(name.as_bytes()), "{name}");
        }
        assert!(!is_ignored(b"\xff\xfe"), "a name that is no UTF-8");
    }
}
