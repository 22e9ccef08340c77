//! `[panel]`: a panel that the kernel does not own, on SPI or I2C.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::GpioLine;

/// What drives the glass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// 320 x 240, SPI.
    #[default]
    Ili9341,
    /// 240 x 240 or 320 x 240, SPI.
    St7789,
    /// 480 x 320, SPI.
    Ili9486,
    /// 480 x 320, SPI.
    Ili9488,
    /// 128 x 64 OLED, I2C.
    Ssd1306,
}

impl Controller {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ili9341 => "ili9341",
            Self::St7789 => "st7789",
            Self::Ili9486 => "ili9486",
            Self::Ili9488 => "ili9488",
            Self::Ssd1306 => "ssd1306",
        }
    }

    /// Sizes of the glass that it comes with, as a layout has them: width, height.
    pub const fn sizes(self) -> &'static [[u32; 2]] {
        match self {
            Self::Ili9341 => &[[320, 240]],
            Self::St7789 => &[[240, 240], [320, 240]],
            Self::Ili9486 | Self::Ili9488 => &[[480, 320]],
            Self::Ssd1306 => &[[128, 64]],
        }
    }

    /// Its memory, columns and rows, upright.
    pub const fn memory(self) -> [u16; 2] {
        match self {
            Self::Ili9341 | Self::St7789 => [240, 320],
            Self::Ili9486 | Self::Ili9488 => [320, 480],
            Self::Ssd1306 => [128, 64],
        }
    }

    /// On SPI with a line that tells data from commands; else on I2C.
    pub const fn is_spi(self) -> bool {
        !matches!(self, Self::Ssd1306)
    }
}

/// Which colour of a pixel comes first on the glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red.
    Rgb,
    /// Blue.
    Bgr,
}

/// `[panel]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelSettings {
    /// What drives the glass.
    pub controller: Controller,
    /// SPI device.
    pub spi: PathBuf,
    /// Clock of the SPI bus, Hz.
    pub spi_speed_hz: u32,
    /// Line that tells data from commands. Needed with SPI.
    pub data_command: Option<GpioLine>,
    /// Line that resets the panel; by a command when absent.
    pub reset: Option<GpioLine>,
    /// I2C bus of an OLED.
    pub i2c: PathBuf,
    /// Its address on that bus.
    pub i2c_address: u8,
    /// Degrees clockwise.
    pub rotation: u16,
    /// Which colour comes first; see [`Self::colour_order`].
    pub colour_order: Option<ColourOrder>,
    /// The glass shows light as dark; see [`Self::is_inverted`].
    pub inverted: Option<bool>,
    /// The glass shows left as right; see [`Self::is_mirrored`].
    pub mirrored: Option<bool>,
    /// First column and row of the controller's memory that the glass shows, upright.
    pub offset: [u16; 2],
    /// The panel is set up anew this often, as SPI does not tell that its cable was pulled.
    pub renew_secs: u64,
}

impl Default for PanelSettings {
    fn default() -> Self {
        Self {
            controller: Controller::default(),
            spi: "/dev/spidev0.0".into(),
            spi_speed_hz: 32_000_000,
            data_command: None,
            reset: None,
            i2c: "/dev/i2c-1".into(),
            i2c_address: 0x3C,
            rotation: 0,
            colour_order: None,
            inverted: None,
            mirrored: None,
            offset: [0, 0],
            renew_secs: 60,
        }
    }
}

impl PanelSettings {
    /// As configured, or as most modules with this controller are wired: blue first on ILI, red first on ST7789.
    pub fn colour_order(&self) -> ColourOrder {
        let usual = if self.controller == Controller::St7789 { ColourOrder::Rgb } else { ColourOrder::Bgr };
        self.colour_order.unwrap_or(usual)
    }

    /// As configured, or as most modules with this controller are: an ST7789 drives an IPS glass that shows dark as light.
    pub fn is_inverted(&self) -> bool {
        self.inverted.unwrap_or(self.controller == Controller::St7789)
    }

    /// As configured, or as most modules with this controller are wired: columns from right to left on ILI.
    pub fn is_mirrored(&self) -> bool {
        use Controller::{Ili9341, Ili9486, Ili9488};
        self.mirrored.unwrap_or(matches!(self.controller, Ili9341 | Ili9486 | Ili9488))
    }

    /// What is outside its range, one line a key, for a layout of `size`; nothing when the panel can be used.
    pub(super) fn problems(&self, size: [u32; 2]) -> Vec<String> {
        let mut found = Vec::new();
        let mut require = |holds: bool, problem: String| {
            if !holds {
                found.push(problem);
            }
        };
        let name = self.controller.name();
        let sizes = self.controller.sizes();
        let spoken = sizes.iter().map(|[w, h]| format!("{w} x {h}")).collect::<Vec<_>>().join(" or ");
        require(sizes.contains(&size), format!("display.size is {} x {}: {name} has {spoken}", size[0], size[1]));
        require(
            self.data_command.is_some() || !self.controller.is_spi(),
            format!(
                "panel.data_command is needed with {name}: the GPIO line of the panel's D/C (RS) pin, such as \"gpiochip1/9\""
            ),
        );
        let square = size[0] == size[1];
        let turns: &[u16] = if square { &[0, 90, 180, 270] } else { &[0, 180] };
        let allowed = turns.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        require(turns.contains(&self.rotation), format!("panel.rotation is {}: allowed is {allowed}", self.rotation));
        require(
            (1_000_000..=80_000_000).contains(&self.spi_speed_hz),
            format!("panel.spi_speed_hz is {}: allowed is 1000000 to 80000000", self.spi_speed_hz),
        );
        require(
            [0x3C, 0x3D].contains(&self.i2c_address),
            format!("panel.i2c_address is {:#04x}: an SSD1306 answers at 0x3c or 0x3d", self.i2c_address),
        );
        require(
            self.renew_secs <= 3_600,
            format!("panel.renew_secs is {}: allowed is 0 (never) to 3600", self.renew_secs),
        );
        let ([columns, rows], [short, long]) = (self.controller.memory(), upright(size));
        let fits = |offset: u16, extent: u32, room: u16| u32::from(offset) + extent <= u32::from(room);
        let used = if self.controller.is_spi() { [short, long] } else { size };
        require(
            !sizes.contains(&size) || fits(self.offset[0], used[0], columns) && fits(self.offset[1], used[1], rows),
            format!(
                "panel.offset is [{}, {}]: {} x {} must fit into the controller's {columns} x {rows}",
                self.offset[0], self.offset[1], used[0], used[1]
            ),
        );
        found
    }
}

/// A layout's size as the controller counts: the shorter side first.
fn upright([width, height]: [u32; 2]) -> [u32; 2] {
    [width.min(height), width.max(height)]
}
