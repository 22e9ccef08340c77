//! `spinewatch screens`: every screen in every size as a picture, and all of them on one sheet.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use embedded_graphics::Drawable;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::image::Image;
use embedded_graphics::pixelcolor::{Rgb888, WebColors};
use embedded_graphics::prelude::DrawTarget;

use crate::display::samples::{self, Sample};
use crate::display::{Frame, Panel, decide, draw, encode_png};

/// Draw every screen in every size as PNG, and a contact sheet of all of them.
#[derive(Debug, Args)]
pub struct ScreensArgs {
    /// Folder for the pictures.
    #[arg(long, value_name = "DIR", default_value = "out/screens")]
    out: PathBuf,
    /// Only these sizes, such as 320x240 (may be given several times).
    #[arg(long, value_name = "WxH")]
    size: Vec<PanelSize>,
}

#[derive(Clone, Copy, Debug)]
struct PanelSize(Panel);

impl FromStr for PanelSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Panel::ALL.map(Panel::name).join(", ");
        let panel = Panel::ALL.into_iter().find(|p| p.name() == text);
        panel.map(Self).ok_or_else(|| format!("no layout for {text}; there are {known}"))
    }
}

/// Runs the verb.
///
/// # Errors
/// When a picture cannot be written.
pub fn run(args: &ScreensArgs) -> anyhow::Result<()> {
    let panels: Vec<Panel> =
        if args.size.is_empty() { Panel::ALL.to_vec() } else { args.size.iter().map(|s| s.0).collect() };
    let samples = samples::all();
    for panel in panels {
        let dir = args.out.join(panel.name());
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for sample in &samples {
            write(&dir.join(format!("{}.png", sample.name)), &picture(panel, sample))?;
        }
        let sheet = args.out.join(format!("sheet-{}.png", panel.name()));
        write(&sheet, &contact_sheet(panel, &samples))?;
        println!("{:>7}  {} screens in {}, all on {}", panel.name(), samples.len(), dir.display(), sheet.display());
    }
    Ok(())
}

fn picture(panel: Panel, sample: &Sample) -> Frame {
    draw(panel, &decide(&sample.state, sample.now), &sample.state, sample.now)
}

/// All screens of one size side by side.
fn contact_sheet(panel: Panel, samples: &[Sample]) -> Frame {
    const COLUMNS: u32 = 4;
    const GAP: u32 = 8;
    let Size { width, height } = panel.size;
    let rows = u32::try_from(samples.len()).unwrap_or(1).div_ceil(COLUMNS);
    let mut sheet = Frame::new(Size::new(COLUMNS * (width + GAP) + GAP, rows * (height + GAP) + GAP));
    let Ok(()) = sheet.clear(Rgb888::CSS_SLATE_GRAY);
    for (i, sample) in (0..).zip(samples) {
        let (column, row) = (i % COLUMNS, i / COLUMNS);
        let corner = Point::zero() + Size::new(GAP + column * (width + GAP), GAP + row * (height + GAP));
        let Ok(()) = Image::new(&picture(panel, sample), corner).draw(&mut sheet);
    }
    sheet
}

fn write(path: &Path, frame: &Frame) -> anyhow::Result<()> {
    fs::write(path, encode_png(frame)?).with_context(|| format!("cannot write {}", path.display()))
}
