//! TOML in, checked [`Settings`] out.
//!
//! A typo is an error that names the file, the key and what is allowed, before the first study arrives.
//! Nothing here touches the share, the broker or the screen; `spinewatch check` looks at those.

use std::path::{Path, PathBuf};

mod accelerator;
mod controls;
mod gpio;
mod panel;
mod range;
mod settings;
mod update;

pub use accelerator::{AcceleratorSettings, Provider};
pub use controls::ControlSettings;
pub use gpio::{GpioLine, LinePlace};
pub use panel::{ColourOrder, Controller, PanelSettings};
pub use settings::{
    DeviceSettings, DisplaySettings, HealthSettings, Identifiers, ModelSettings, MqttProtocol, MqttSettings,
    PrivacySettings, ResultFormat, ResultsSettings, Settings, ShareSettings, StateSettings, StudySettings, SurfaceKind,
};
pub use update::{HawkbitToken, UpdateSettings};

/// Where the daemon looks when `--config` is not given.
pub const DEFAULT_PATH: &str = "/etc/spinewatch/spinewatch.toml";

/// The example that ships with the device: every key with its default and a comment.
pub const EXAMPLE: &str = include_str!("../../board/rootfs/etc/spinewatch/spinewatch.toml");

/// Why a configuration is refused. The process ends with exit code 78 (EX_CONFIG of sysexits.h).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: give another with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type. The parser's words name line, key and the allowed keys.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, key and what was expected.
        problem: String,
    },
    /// Values outside their range, each with its key and what is allowed.
    #[error("{}: {}", path.display(), problems.join("; "))]
    OutOfRange {
        /// The file.
        path: PathBuf,
        /// One line per key.
        problems: Vec<String>,
    },
}

impl Settings {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file, the key and what is allowed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a configuration file; `path` is only named in errors.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`] or [`ConfigError::OutOfRange`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let settings: Self = toml::from_str(text).map_err(|e| ConfigError::Malformed {
            path: path.to_owned(),
            problem: e.to_string().trim_end().to_owned(),
        })?;
        let problems = range::problems(&settings);
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError::OutOfRange { path: path.to_owned(), problems })
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse(text, Path::new("spinewatch.toml"))
    }

    #[test]
    fn an_empty_file_gives_the_defaults_and_they_are_in_range() {
        assert_eq!(parse("").unwrap(), Settings::default());
    }

    #[test]
    fn the_shipped_example_shows_every_key_at_its_default() {
        // Keys that are off by default stand in the example as `# key = value`.
        let on: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => rest,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let mut shown = toml::Table::try_from(parse(&on).unwrap()).unwrap();
        let defaults = toml::Table::try_from(parse(EXAMPLE).unwrap()).unwrap();
        assert_eq!(parse(EXAMPLE).unwrap(), Settings::default());
        for (section, table) in &mut shown {
            for key in table.as_table().unwrap().keys() {
                let line = on.lines().any(|line| line.starts_with(&format!("{key} = ")));
                assert!(line, "[{section}] {key} is not in the example");
            }
        }
        assert!(defaults.keys().eq(shown.keys()));
    }

    fn is_key(text: &str) -> bool {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_allowed_ones() {
        let error = parse("[study]\nseries_quiet_sec = 5\n").unwrap_err().to_string();
        for part in ["spinewatch.toml", "line 2", "series_quiet_sec", "series_quiet_secs", "series_limit_secs"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
    }

    #[test]
    fn an_unknown_section_is_named() {
        let error = parse("[mqtts]\nurl = 'x'\n").unwrap_err().to_string();
        assert!(error.contains("mqtts") && error.contains("`mqtt`"), "{error}");
    }

    #[test]
    fn a_wrong_word_is_named_with_the_allowed_ones() {
        let error = parse("[display]\nsurface = 'lcd'\n").unwrap_err().to_string();
        for part in ["lcd", "none", "terminal", "framebuffer", "panel", "png"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
    }

    #[test]
    fn every_value_out_of_range_is_named_at_once() {
        let error = parse("[study]\nseries_quiet_secs = 0\n[models]\nworkers = 999\n").unwrap_err().to_string();
        for part in ["study.series_quiet_secs", "1 to 120", "models.workers", "1 to 64"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
    }

    #[test]
    fn an_accelerator_needs_its_library_and_options_that_it_knows() {
        let error = parse("[accelerator]\nprovider = 'acl'\noptions = { fast = '1' }\n").unwrap_err().to_string();
        for part in ["accelerator.library", "acl takes enable_fast_math, not fast"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
        let error = parse("[accelerator]\nprovider = 'npu'\n").unwrap_err().to_string();
        assert!(error.contains("npu") && error.contains("`vsinpu`"), "{error}");
    }

    #[test]
    fn an_accelerator_must_give_up_before_the_slice_is_a_fault_of_the_device() {
        let text = "[models]\nslice_deadline_secs = 2\n[accelerator]\nslowest_ratio = nan\n";
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains("accelerator.deadline_millis") && error.contains("half"), "{error}");
        assert!(error.contains("accelerator.slowest_ratio"), "{error}");
        assert!(parse("[accelerator]\ndeadline_millis = 4999\n").is_ok());
    }

    #[test]
    fn a_dicom_document_without_clear_identifiers_is_refused_with_the_cure() {
        let error = parse("[results]\nformats = ['fhir', 'dicom-sr', 'dicom-sc', 'fhir']\n").unwrap_err().to_string();
        for part in ["\"dicom-sr\"", "\"dicom-sc\"", "privacy.identifiers = \"clear\"", "\"fhir\" twice"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
        assert!(parse("[results]\nformats = ['fhir', 'hl7']\n").is_ok());
        assert!(parse("[privacy]\nidentifiers = 'clear'\n[results]\nformats = ['dicom-sr', 'dicom-sc']\n").is_ok());
        let error = parse("[results]\ndir = 'results'\nformats = ['cda']\n").unwrap_err().to_string();
        assert!(error.contains("cda") && error.contains("`dicom-sr`"), "{error}");
        let error = parse("[results]\ndir = 'results'\nformats = ['hl7']\n").unwrap_err().to_string();
        assert!(error.contains("results.dir is results"), "{error}");
    }

    #[test]
    fn a_topic_part_with_a_wildcard_is_refused() {
        let error = parse("[device]\nsite = 'north/#'\n").unwrap_err().to_string();
        assert!(error.contains("device.site"), "{error}");
    }

    #[test]
    fn a_broker_address_of_another_protocol_is_refused() {
        let error = parse("[mqtt]\nurl = 'http://broker'\n").unwrap_err().to_string();
        assert!(error.contains("mqtt.url") && error.contains("mqtts://"), "{error}");
    }

    #[test]
    fn a_screen_size_that_has_no_layout_is_refused() {
        let error = parse("[display]\nsize = [100, 100]\n").unwrap_err().to_string();
        assert!(error.contains("display.size") && error.contains("800 x 480"), "{error}");
    }

    #[test]
    fn a_panel_that_cannot_be_wired_so_is_refused_key_by_key() {
        let text = "[display]\nsurface = 'panel'\nsize = [240, 240]\n\
                    [panel]\ncontroller = 'ili9341'\nrotation = 45\nspi_speed_hz = 1\ni2c_address = 5\n";
        let error = parse(text).unwrap_err().to_string();
        for part in [
            "display.size is 240 x 240: ili9341 has 320 x 240",
            "panel.data_command is needed with ili9341",
            "panel.rotation is 45: allowed is 0, 90, 180, 270",
            "panel.spi_speed_hz is 1: allowed is 1000000 to 80000000",
            "panel.i2c_address is 0x05",
        ] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
        let error = parse("[panel]\ncontroller = 'ili9163'\n").unwrap_err().to_string();
        for part in ["ili9163", "`ili9341`", "`ssd1306`"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
        let panel = |keys: &str| {
            parse(&format!("[display]\nsurface = 'panel'\n[panel]\ndata_command = 'gpiochip1/9'\n{keys}")).map(drop)
        };
        assert!(panel("").is_ok());
        assert!(panel("rotation = 90\n").unwrap_err().to_string().contains("allowed is 0, 180"));
        assert!(
            panel("offset = [1, 0]\n").unwrap_err().to_string().contains("must fit into the controller's 240 x 320")
        );
        let oled =
            "[display]\nsurface = 'panel'\nsize = [128, 64]\n[panel]\ncontroller = 'ssd1306'\ni2c_address = 0x3d\n";
        assert!(parse(oled).is_ok());
    }

    #[test]
    fn a_line_that_serves_two_things_and_a_light_that_must_not_be_are_refused() {
        let text = "[controls]\nred_light = 'gpiochip1/4'\nbuzzer = '!gpiochip1/4'\nhold_millis = 1\n";
        let error = parse(text).unwrap_err().to_string();
        for part in ["controls.buzzer is !gpiochip1/4, which is red_light already", "controls.hold_millis is 1"] {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
        let text = "[display]\nsurface = 'panel'\n[panel]\ndata_command = 'PIN_7'\n[controls]\nnext_button = 'PIN_7'\n";
        assert!(parse(text).unwrap_err().to_string().contains("panel.data_command already"));
        let error = parse("[controls]\ngreen_light = 'gpiochip1/4'\n").unwrap_err().to_string();
        assert!(error.contains("green_light") && error.contains("`blue_light`"), "{error}");
        let error = parse("[controls]\nbuzzer = 'gpio 4'\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("gpiochip1/9"), "{error}");
    }

    #[test]
    fn metrics_are_served_on_loopback_only() {
        let error = parse("[health]\nmetrics_address = '0.0.0.0:9100'\n").unwrap_err().to_string();
        assert!(error.contains("health.metrics_address") && error.contains("loopback"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Settings::read(Path::new("/nonexistent/spinewatch.toml")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/spinewatch.toml"), "{error}");
    }
}
