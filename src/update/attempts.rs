//! The boot loader's count of attempts: a slot that has proved itself carries a count that is never taken from.
//!
//! RAUC's `mark-good` sets the count as its `system.conf` says; a RAUC without `boot-attempts` sets 3, of which ten quick
//! power cycles leave nothing. Never touches a slot that does not run.

use std::path::PathBuf;
use std::process::Command;

/// A count that the boot script does not take from.
pub const PROVED: &str = "9";

/// U-Boot's environment, through libubootenv's programs.
#[derive(Clone, Debug, Default)]
pub struct BootLoader {
    /// Folder of `fw_printenv` and `fw_setenv`; those of the search path when absent.
    pub programs: Option<PathBuf>,
}

impl BootLoader {
    /// Whether the slot `bootname` carries the count; `None` where the boot loader keeps none.
    pub fn is_proved(&self, bootname: &str) -> Option<bool> {
        let output = self.program("fw_printenv").args(["-n", &variable(bootname)]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim() == PROVED)
    }

    /// Gives the slot `bootname` the count, unless it has it already or the boot loader keeps none.
    ///
    /// # Errors
    /// What `fw_setenv` said.
    pub fn prove(&self, bootname: &str) -> Result<(), String> {
        if self.is_proved(bootname) != Some(false) {
            return Ok(());
        }
        let set = self.program("fw_setenv").args([&variable(bootname), PROVED]).output();
        let output = set.map_err(|error| format!("fw_setenv: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("fw_setenv: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.programs.as_ref().map_or_else(|| PathBuf::from(name), |folder| folder.join(name)))
    }
}

fn variable(bootname: &str) -> String {
    format!("BOOT_{bootname}_LEFT")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    /// Programs that keep one variable in a file.
    fn programs(folder: &Path, left: &str) -> BootLoader {
        let script = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let file = folder.join("BOOT_B_LEFT");
        std::fs::write(&file, left).unwrap();
        script("fw_printenv", &format!("test \"$2\" = BOOT_B_LEFT && cat {}", file.display()));
        script("fw_setenv", &format!("echo $2 > {}/$1; echo $1 >> {}/writes", folder.display(), folder.display()));
        BootLoader { programs: Some(folder.to_owned()) }
    }

    #[test]
    fn a_proved_slot_carries_a_count_that_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let loader = programs(folder.path(), "2\n");
        assert_eq!(loader.is_proved("B"), Some(false));
        loader.prove("B").unwrap();
        loader.prove("B").unwrap();
        assert_eq!(loader.is_proved("B"), Some(true));
        assert_eq!(std::fs::read_to_string(folder.path().join("writes")).unwrap(), "BOOT_B_LEFT\n");
    }

    #[test]
    fn a_boot_loader_without_counts_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let loader = programs(folder.path(), "2\n");
        assert_eq!(loader.is_proved("A"), None, "no such variable");
        loader.prove("A").unwrap();
        let none = BootLoader { programs: Some(folder.path().join("none")) };
        assert_eq!((none.is_proved("A"), none.prove("A")), (None, Ok(())));
        assert!(!folder.path().join("writes").exists());
    }
}
