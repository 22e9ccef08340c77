//! What the boot loader will do next: the text of `fw_printenv` in, order and attempts of the slots out. Never writes it.

use std::time::Duration;

use super::ask::ask;

/// Attempts of a slot that has proved itself; the boot script takes none from it.
pub const PROVEN: u32 = 9;

const PATIENCE: Duration = Duration::from_secs(5);

/// The boot loader's variables that RAUC keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootState {
    /// Slots in the order in which they are tried.
    pub order: Vec<String>,
    /// Attempts that are left to each.
    pub attempts: Vec<(String, u32)>,
}

impl BootState {
    /// Of this machine, by `fw_printenv`.
    ///
    /// # Errors
    /// Why it cannot be had, in one line.
    pub fn ask() -> Result<Self, String> {
        ask("fw_printenv", &[], PATIENCE, 64 << 10).map(|answer| Self::parse(&answer.text))
    }

    /// From `KEY=value` lines.
    pub fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let slot = key.strip_prefix("BOOT_").and_then(|key| key.strip_suffix("_LEFT"));
            match (key, slot, parsed(value)) {
                ("BOOT_ORDER", ..) => state.order = value.split_whitespace().map(str::to_owned).collect(),
                (_, Some(slot), Some(left)) => state.attempts.push((slot.to_owned(), left)),
                _ => {}
            }
        }
        state
    }

    /// Attempts that are left to a slot.
    pub fn left(&self, slot: &str) -> Option<u32> {
        self.attempts.iter().find(|(name, _)| name == slot).map(|(_, left)| *left)
    }
}

/// A number as U-Boot writes it: `setexpr` gives hexadecimal with or without `0x`.
fn parsed(value: &str) -> Option<u32> {
    let digits = value.trim();
    u32::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_attempts_are_read_and_all_else_is_passed_over() {
        let state = BootState::parse("bootcmd=run x\nBOOT_ORDER=B A\nBOOT_A_LEFT=9\nBOOT_B_LEFT=0x3\nBOOT_C_LEFT=\n");
        assert_eq!(state.order, ["B", "A"]);
        assert_eq!((state.left("A"), state.left("B"), state.left("C")), (Some(PROVEN), Some(3), None));
        assert_eq!(BootState::parse(""), BootState::default());
    }
}
