//! The sizes that have a layout.

use embedded_graphics::geometry::Size;

/// A screen's size and whether it has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Width and height in pixels.
    pub size: Size,
    /// One bit a pixel: everything is drawn in black and white.
    pub mono: bool,
}

impl Panel {
    /// Every size for which a layout is held by tests.
    pub const ALL: [Self; 5] = [
        Self::colour(240, 240),
        Self::colour(320, 240),
        Self::colour(480, 320),
        Self::colour(800, 480),
        Self { size: Size::new(128, 64), mono: true },
    ];

    /// A colour panel; below 200 pixels in either direction the compact layout of 128 x 64 is used.
    pub const fn colour(width: u32, height: u32) -> Self {
        Self { size: Size::new(width, height), mono: false }
    }

    /// The panel of the configuration: 128 x 64 is the 1-bit one.
    pub fn of(size: Size) -> Self {
        Self { size, mono: size == Size::new(128, 64) }
    }

    /// True where letters of a fixed small font are all that fits.
    pub(super) const fn is_compact(self) -> bool {
        self.size.width < 200 || self.size.height < 200
    }

    /// `800x480`
    pub fn name(self) -> String {
        format!("{}x{}", self.size.width, self.size.height)
    }
}
