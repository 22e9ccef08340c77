//! `board/README.md` and the wiring drawing: commands that exist, pins of the overlays, files that are there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn board() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("board")
}

fn book() -> String {
    fs::read_to_string(board().join("README.md")).unwrap()
}

/// Lines of code blocks and of code in sentences that call the binary.
fn calls() -> BTreeSet<Vec<String>> {
    let book = book();
    let pieces = book.lines().chain(book.split('`')).filter_map(|piece| piece.trim().strip_prefix("spinewatch "));
    let words = |call: &str| -> Vec<String> {
        call.split([' ', '\n']).take_while(|word| *word != "#").map(str::to_owned).collect()
    };
    pieces.map(words).filter(|words| words[0].chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect()
}

#[test]
fn every_verb_and_option_that_the_book_names_exists() {
    let calls = calls();
    for verb in ["check", "support-bundle", "update", "models", "selftest"] {
        assert!(calls.iter().any(|call| call[0] == verb), "{verb} is not in the book");
    }
    for call in &calls {
        let is_verb =
            |word: &&String| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        let depth = if ["update", "models", "audit"].contains(&call[0].as_str()) { 2 } else { 1 };
        let verbs: Vec<&String> = call.iter().take(depth).take_while(is_verb).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_spinewatch")).args(&verbs).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "spinewatch {} does not exist", call.join(" "));
        for option in call.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option.as_str()), "{verbs:?} has no {option}");
        }
    }
}

/// Pins that the overlays of a board name in their comments, as `pin 36:`.
fn pins(folder: &str) -> BTreeSet<u32> {
    let overlays = fs::read_dir(board().join(folder)).unwrap().flatten().map(|entry| entry.path());
    let overlays = overlays.filter(|path| path.extension().is_some_and(|ending| ending == "dtso"));
    let texts: Vec<String> = overlays.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(!texts.is_empty(), "{folder} has no overlay");
    let named = texts.iter().flat_map(|text| text.split("pin ").skip(1)).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    named.collect()
}

#[test]
fn every_pin_of_an_overlay_is_in_the_table_and_in_the_drawing() {
    let book = book();
    let drawing = fs::read_to_string(board().join("wiring.svg")).unwrap();
    let drawn: BTreeSet<u32> =
        drawing.split('>').filter_map(|piece| piece.split(['<', ' ']).next()?.parse().ok()).collect();
    let rows: Vec<Vec<&str>> = book
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    for (column, folder) in [(2, "radxa-rock-5b"), (3, "imx8mp-evk")] {
        let cells = rows.iter().filter_map(|row| row.get(column).filter(|_| row.len() == 6));
        let told: BTreeSet<u32> = cells
            .flat_map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.parse().ok()))
            .collect();
        for pin in pins(folder) {
            assert!(told.contains(&pin), "pin {pin} of {folder} is not in the book's table");
            assert!(drawn.contains(&pin), "pin {pin} of {folder} is not in the drawing");
        }
    }
}

#[test]
fn every_file_that_the_book_links_to_is_there() {
    for target in book().split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = target.split('#').next().unwrap();
        assert!(path.is_empty() || board().join(path).exists(), "{target} is not there");
    }
}
