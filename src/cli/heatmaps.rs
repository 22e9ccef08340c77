//! `spinewatch analyze --heatmaps DIR`: the best slice of every suspected finding as a picture, with the heat of a fracture
//! classifier over it and the detector's box around it. A second opinion to look at; the verdicts were given before it.

use std::fs;
use std::path::Path;

use anyhow::Context;
use embedded_graphics::geometry::OriginDimensions;
use png::{BitDepth, ColorType, Encoder};
use serde::Serialize;

use crate::appliance::Outcome;
use crate::dicom::{self, Limits, Slice};
use crate::display;
use crate::inference::{Heat, SecondOpinion};
use crate::preprocess::{Plane, View, plane};
use crate::triage::{BestSlice, Finding, FractureBox};

/// Rows and columns of the slice in a picture.
const SIDE: usize = display::CAPTURE_SIDE as usize;
/// Colour of the heat; the hottest place is this much of it.
const HEAT: ([f32; 3], f32) = ([255.0, 64.0, 0.0], 0.65);
/// Colour of the box.
const BOX: [u8; 3] = [0, 214, 255];

/// A picture that was written.
#[derive(Debug, Serialize)]
pub struct Heatmap {
    /// Name of the file.
    pub file: String,
    /// The suspected vertebra.
    pub level: &'static str,
    /// What the fracture classifier gives it in this slice, 0 to 1.
    pub probability: f32,
}

/// Writes `<series>-<level>.png` for each finding; `series` shortens a key, `notice` stands below each picture and in its file.
///
/// # Errors
/// When a slice cannot be read again or a picture cannot be written.
pub fn write(
    dir: &Path,
    second: &mut SecondOpinion,
    outcome: &Outcome,
    series: impl Fn(&str) -> String,
    notice: &str,
) -> anyhow::Result<Vec<Heatmap>> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut written = Vec::new();
    for (key, statement) in &outcome.statements {
        for Finding { level, score, best_slice, .. } in &statement.assessment.findings {
            let slice = read_again(outcome, best_slice)?;
            let opinion = second.of_slice(&slice).context("the fracture classifier fails on a slice")?;
            let view = second.view(&slice);
            let grey = plane(&slice, view, second.recipe(), SIDE)?;
            let rgb = picture(&grey, &opinion.heat[*level as usize], &best_slice.fracture_box, view);
            let file = format!("{}-{}.png", series(key), level.name());
            let path = dir.join(&file);
            let probability = opinion.probabilities[*level as usize];
            let headline = format!("Suspected: {} {score:.2} · second opinion {probability:.2}", level.name());
            let bytes = encoded(&rgb, &headline, notice).with_context(|| format!("cannot draw {}", path.display()))?;
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
            written.push(Heatmap { file, level: level.name(), probability });
        }
    }
    Ok(written)
}

/// The slice of a finding, from its file.
fn read_again(outcome: &Outcome, best: &BestSlice) -> anyhow::Result<Slice> {
    let holds = |evidence: &[crate::triage::Evidence]| evidence.iter().any(|one| one.slice_key == best.slice_key);
    let (file, _) =
        outcome.evidence.iter().find(|(_, evidence)| holds(evidence)).context("the slice of a finding is gone")?;
    let bytes = fs::read(file).with_context(|| format!("cannot read {file}"))?;
    let slices = dicom::read(&bytes, &Limits::default()).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
    let away = |slice: &Slice| (slice.header.position_along_normal() - best.z_mm).abs();
    slices.into_iter().min_by(|a, b| away(a).total_cmp(&away(b))).with_context(|| format!("{file}: no slice"))
}

/// Red, green and blue of each pixel, row by row. `view`: what is seen of the slice that the box counts in.
fn picture(grey: &Plane, heat: &Heat, found: &FractureBox, view: View) -> Vec<u8> {
    let side = grey.size;
    let place = |n: usize| (n as f32 + 0.5) / side as f32;
    let mut rgb = Vec::with_capacity(3 * side * side);
    for (n, &shade) in grey.pixels.iter().enumerate() {
        let share = HEAT.1 * heat.at(place(n / side), place(n % side));
        rgb.extend(HEAT.0.map(|colour| mixed(shade, colour, share)));
    }
    let corner = |x: f32, y: f32| view.of_slice([x, y]).map(|share| at(share * side as f32, side));
    let [left, top] = corner(found.x, found.y);
    let [right, bottom] = corner(found.x + found.width, found.y + found.height);
    let mut dot = |row: usize, column: usize| rgb[3 * (row * side + column)..][..3].copy_from_slice(&BOX);
    for column in left..=right {
        dot(top, column);
        dot(bottom, column);
    }
    for row in top..=bottom {
        dot(row, left);
        dot(row, right);
    }
    rgb
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two values of 0 to 255")]
fn mixed(shade: u8, colour: f32, share: f32) -> u8 {
    let shade = f32::from(shade);
    (shade + (colour - shade) * share).round().clamp(0.0, 255.0) as u8
}

/// The pixel at a distance from the edge, within the picture.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the picture by the clamp")]
fn at(distance: f32, side: usize) -> usize {
    distance.clamp(0.0, (side - 1) as f32) as usize
}

/// As PNG, with a line above and the notice below.
fn encoded(rgb: &[u8], headline: &str, notice: &str) -> Result<Vec<u8>, png::EncodingError> {
    let [above, below] = display::around_suspicion(headline, notice);
    let rows = above.size().height + display::CAPTURE_SIDE + below.size().height;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, display::CAPTURE_SIDE, rows);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.add_itxt_chunk("Disclaimer".to_owned(), notice.to_owned())?;
    encoder.write_header()?.write_image_data(&[above.bytes(), rgb, below.bytes()].concat())?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pixel(rgb: &[u8], row: usize, column: usize) -> [u8; 3] {
        [0, 1, 2].map(|channel| rgb[3 * (row * 64 + column) + channel])
    }

    #[test]
    fn heat_lies_over_the_slice_and_the_box_where_the_detector_saw_it() {
        let grey = Plane { size: 64, pixels: vec![100; 64 * 64] };
        let mut values = vec![0.0; 16];
        values[5] = 2.0;
        let heat = Heat::new(4, 4, values);
        let found = FractureBox { x: 256.0, y: 64.0, width: 128.0, height: 128.0, score: 0.9 };
        let rgb = picture(&grey, &heat, &found, View::whole([512, 512]));
        assert_eq!(rgb.len(), 3 * 64 * 64);
        assert_eq!(pixel(&rgb, 60, 60), [100, 100, 100], "cold");
        let [red, green, blue] = pixel(&rgb, 24, 24);
        assert!(red > 180 && green < 100 && blue < 60, "hot: {red} {green} {blue}");
        for (row, column) in [(8, 32), (8, 48), (24, 32), (16, 48)] {
            assert_eq!(pixel(&rgb, row, column), BOX, "{row} {column}");
        }
        assert_ne!(pixel(&rgb, 16, 40), BOX, "not filled");
    }

    #[test]
    fn a_picture_says_what_it_is_above_and_what_it_is_not_below() {
        let side = display::CAPTURE_SIDE as usize;
        let bytes = encoded(&vec![7; 3 * side * side], "Suspected: C2 0.80 · second opinion 0.51", "not for diagnosis")
            .unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        let [above, slice, below] = {
            let (above, rest) = rgb.split_at(3 * side * 44);
            let (slice, below) = rest.split_at(3 * side * side);
            [above, slice, below]
        };
        assert_eq!((info.width as usize, below.len()), (side, 3 * side * 68));
        assert!(slice.iter().all(|&value| value == 7), "nothing is written over the slice");
        assert!(
            above.starts_with(&[0xD0, 0, 0])
                && [above, below].iter().all(|band| band.contains(&255) || band.iter().max() > Some(&150))
        );
        assert!(String::from_utf8_lossy(&bytes).contains("not for diagnosis"), "a program can read it too");
    }

    #[test]
    fn a_box_that_leaves_the_slice_is_drawn_at_its_edge() {
        let grey = Plane { size: 64, pixels: vec![0; 64 * 64] };
        let cold = Heat::new(1, 1, vec![0.0]);
        let found = FractureBox { x: -9.0, y: 500.0, width: 600.0, height: 90.0, score: 0.9 };
        let rgb = picture(&grey, &cold, &found, View::whole([512, 512]));
        assert_eq!((pixel(&rgb, 63, 0), pixel(&rgb, 63, 63)), (BOX, BOX));
    }
}
