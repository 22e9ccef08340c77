//! The backlight: takes in the alarm, hands on a brightness; writes it to `/sys/class/backlight/...`.
//!
//! Never off, and never dimmed while something asks to be looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::display::Alarm;

/// Brightness of `most` steps for an alarm, or while somebody is at the device; else `percent` of it. At least 1.
pub fn brightness(alarm: Alarm, attended: bool, percent: u8, most: u32) -> u32 {
    let full = attended || !matches!(alarm, Alarm::None | Alarm::Low);
    if full { most.max(1) } else { (most.saturating_mul(u32::from(percent.min(100))) / 100).max(1) }
}

/// A backlight of the kernel.
#[derive(Debug)]
pub struct Backlight {
    dir: PathBuf,
    most: u32,
    shown: Option<u32>,
}

impl Backlight {
    /// Opens a folder of `/sys/class/backlight`.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let file = dir.join("max_brightness");
        let text = fs::read_to_string(&file).map_err(|error| named(&error, &file))?;
        let most = text
            .trim()
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a number", file.display())))?;
        Ok(Self { dir: dir.to_owned(), most, shown: None })
    }

    /// As bright as `brightness` says; written only when it changes, with the panel's power on.
    ///
    /// # Errors
    /// When it cannot be written; the next call tries again.
    pub fn show(&mut self, alarm: Alarm, attended: bool, percent: u8) -> io::Result<()> {
        let value = brightness(alarm, attended, percent, self.most);
        if self.shown == Some(value) {
            return Ok(());
        }
        self.shown = None;
        let write = |name: &str, text: String| {
            let file = self.dir.join(name);
            fs::write(&file, text).map_err(|error| named(&error, &file))
        };
        write("brightness", value.to_string())?;
        // 0: FB_BLANK_UNBLANK. The device may write the brightness only, so what is on already is not written.
        let power = fs::read_to_string(self.dir.join("bl_power"));
        if power.is_ok_and(|power| power.trim() != "0") {
            write("bl_power", "0".into())?;
        }
        self.shown = Some(value);
        Ok(())
    }
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_at_full_brightness_and_nothing_ever_switches_it_off() {
        let all = [Alarm::None, Alarm::Low, Alarm::MediumSeen, Alarm::Medium, Alarm::HighSeen, Alarm::High];
        for percent in [0, 1, 60, 100] {
            for most in [0, 1, 15, 255, u32::MAX] {
                for alarm in all {
                    let value = brightness(alarm, false, percent, most);
                    assert!(value >= 1, "{alarm:?} {percent} {most}");
                    if alarm > Alarm::Low {
                        assert_eq!(value, most.max(1), "{alarm:?}");
                    }
                    assert_eq!(brightness(alarm, true, percent, most), most.max(1));
                }
            }
        }
        assert_eq!(brightness(Alarm::None, false, 60, 255), 153);
    }

    #[test]
    fn it_is_written_when_it_changes_and_the_power_is_switched_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("max_brightness"), "31\n").unwrap();
        fs::write(file("bl_power"), "4\n").unwrap();
        let mut backlight = Backlight::open(dir.path()).unwrap();
        backlight.show(Alarm::None, false, 50).unwrap();
        assert_eq!(fs::read_to_string(file("brightness")).unwrap(), "15");
        assert_eq!(fs::read_to_string(file("bl_power")).unwrap(), "0");
        fs::write(file("brightness"), "untouched").unwrap();
        backlight.show(Alarm::None, false, 50).unwrap();
        assert_eq!(fs::read_to_string(file("brightness")).unwrap(), "untouched");
        backlight.show(Alarm::High, false, 50).unwrap();
        assert_eq!(fs::read_to_string(file("brightness")).unwrap(), "31");
    }

    #[test]
    fn a_folder_that_is_no_backlight_is_named() {
        let error = Backlight::open(Path::new("/nonexistent/panel")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/panel/max_brightness"), "{error}");
    }
}
