//! What the boot found on the state partition: the file that `/usr/lib/spinewatch/prepare-data` has written in, one word
//! out. Never touches the partition.

use std::path::Path;

/// Where the boot says it (board/rootfs.md).
pub const STATE: &str = "/run/spinewatch-data/state";

/// The state partition, as this boot found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePartition {
    /// It is there; also where nobody has said anything, as on a developer's machine.
    Kept,
    /// It could not be repaired and was set up anew: what was known before is lost.
    Anew,
    /// It cannot be used: state lies in memory.
    InMemory,
}

impl StatePartition {
    /// By the first line of `file`.
    pub fn found(file: &Path) -> Self {
        let said = std::fs::read_to_string(file).unwrap_or_default();
        match said.lines().next() {
            Some("anew") => Self::Anew,
            Some("memory") => Self::InMemory,
            _ => Self::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_what_was_lost_or_will_be_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        assert_eq!(StatePartition::found(&file), StatePartition::Kept, "nobody has said anything");
        for (said, found) in [
            ("ok\nin order\n", StatePartition::Kept),
            ("new\nset up for the first time\n", StatePartition::Kept),
            ("repaired\nhad faults and was repaired\n", StatePartition::Kept),
            ("anew\ncould not be repaired\n", StatePartition::Anew),
            ("memory\ncannot be used\n", StatePartition::InMemory),
        ] {
            std::fs::write(&file, said).unwrap();
            assert_eq!(StatePartition::found(&file), found, "{said}");
        }
    }

    /// The words are the script's.
    #[test]
    fn the_script_says_these_words() {
        let script = include_str!("../../board/rootfs/usr/lib/spinewatch/prepare-data");
        for word in ["ok", "new", "repaired", "anew", "memory"] {
            assert!(script.contains(&format!("say {word} ")), "{word}");
        }
        assert!(script.contains(Path::new(STATE).parent().unwrap().to_str().unwrap()));
    }
}
