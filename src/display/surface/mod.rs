//! Where a frame becomes visible: takes in frames, hands them to hardware, a terminal or files.
//!
//! Never decides what is shown.

mod framebuffer;
mod panel;
mod png;
mod terminal;

use std::io;

use embedded_graphics::geometry::Size;

pub use self::framebuffer::FrameBuffer;
pub use self::panel::{DrivenPanel, Glass, Oled, OpenPanel, SpiParts, spi_glass};
pub use self::png::{PngFiles, encode_png};
pub use self::terminal::Terminal;
use super::Frame;

/// Something that shows frames of one size.
pub trait Surface {
    /// Width and height of the frames that it takes, in pixels.
    fn size(&self) -> Size;

    /// Shows a frame; only [`Frame::dirty`] has changed since the last one that it took.
    ///
    /// # Errors
    /// When the frame could not be shown. The next one then counts as changed all over.
    fn show(&mut self, frame: &Frame) -> io::Result<()>;

    /// Whether others can draw on it, as the kernel's console does on a frame buffer: it is then drawn anew from time to time.
    fn is_shared(&self) -> bool {
        false
    }
}
