//! Which of the two systems runs: the kernel's command line or the partition of the root file system in, a name out. Pure.

use super::Mount;

/// A RAUC slot by its boot name, `A` or `B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its boot name.
    pub name: String,
}

impl Slot {
    /// As the boot script gives it to the kernel: `rauc.slot=A`.
    pub fn of_command_line(line: &str) -> Option<Self> {
        let name = line.split_whitespace().find_map(|word| word.strip_prefix("rauc.slot="))?;
        Some(Self { name: name.to_owned() }).filter(|slot| !slot.name.is_empty())
    }

    /// By the partition of the root file system, for a process that does not see the command line (`ProcSubset=pid`):
    /// `slot-a` is A, `slot-b` is B. `uevent` reads what sysfs says of a block device (`major:minor`).
    pub fn of_root(mounts: &[Mount], uevent: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let root = mounts.iter().rfind(|mount| mount.point == "/")?;
        let text = uevent(&root.device)?;
        let name = match text.lines().find_map(|line| line.strip_prefix("PARTNAME="))? {
            "slot-a" => "A",
            "slot-b" => "B",
            _ => return None,
        };
        Some(Self { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_the_slot() {
        let slot = |line| Slot::of_command_line(line).map(|slot| slot.name);
        assert_eq!(slot("console=ttyAMA0 root=/dev/vda3 rauc.slot=B quiet").as_deref(), Some("B"));
        assert_eq!(slot("root=/dev/vda3 rauc.slot="), None);
        assert_eq!(slot("root=/dev/vda3 xrauc.slot=A"), None);
    }

    #[test]
    fn without_the_command_line_the_partition_of_the_root_tells() {
        let mounts: Vec<Mount> =
            ["22 1 254:3 / / ro,relatime shared:1 - ext4 /dev/root ro", "30 22 0:5 / /dev rw - devtmpfs x rw"]
                .into_iter()
                .filter_map(Mount::parse)
                .collect();
        let at = |name: &str| {
            let text = format!("MAJOR=254\nDEVTYPE=partition\nPARTN=3\nPARTNAME={name}\n");
            Slot::of_root(&mounts, |device| (device == "254:3").then(|| text.clone())).map(|slot| slot.name)
        };
        assert_eq!([at("slot-a"), at("slot-b"), at("data")], [Some("A".to_owned()), Some("B".to_owned()), None]);
        assert_eq!(Slot::of_root(&mounts, |_| None), None);
    }
}
