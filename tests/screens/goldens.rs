//! Pictures as agreed. `UPDATE_GOLDEN=1 cargo test --test screens` writes them anew; look at them before they are committed.

use std::fs;
use std::path::PathBuf;

use spinewatch::display::{Frame, Panel, decide, draw, encode_png, samples};

/// Every screen on the usual panel, and some on the others.
fn agreed() -> Vec<(String, Frame)> {
    let mut pictures = Vec::new();
    for sample in samples::all() {
        for panel in Panel::ALL {
            let usual = panel.size.width == 320 || panel.mono;
            let chosen =
                ["suspected", "none-suspected", "partly-analysed"].contains(&sample.name) && panel.size.width != 480;
            if usual || chosen {
                let frame = draw(panel, &decide(&sample.state, sample.now), &sample.state, sample.now);
                pictures.push((format!("{}-{}", sample.name, panel.name()), frame));
            }
        }
    }
    pictures
}

#[test]
fn every_screen_looks_as_agreed() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, frame) in agreed() {
        let path = dir.join(format!("{name}.png"));
        if update {
            fs::write(&path, encode_png(&frame).unwrap()).unwrap();
        } else if decode(&path).as_deref() != Some(frame.bytes()) {
            let seen = std::env::temp_dir().join(format!("{name}-now.png"));
            fs::write(&seen, encode_png(&frame).unwrap()).unwrap();
            wrong.push(format!("{name}: see {}", seen.display()));
        }
    }
    assert!(wrong.is_empty(), "differ from tests/golden:\n{}", wrong.join("\n"));
}

/// The pixels of an agreed picture, `None` where there is none yet.
fn decode(path: &PathBuf) -> Option<Vec<u8>> {
    let file = std::io::BufReader::new(fs::File::open(path).ok()?);
    let mut reader = png::Decoder::new(file).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    Some(pixels)
}
