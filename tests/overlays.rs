//! Device-tree overlays of the reference boards: each compiles without a warning, applies, and wires no pin twice.
//!
//! Needs dtc and fdtoverlay (device-tree-compiler); without them the tests say so and check what text can show.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a board is called below `board/`, and what its GPIO lines are called in comments.
const BOARDS: [(&str, NameOf); 2] = [("radxa-rock-5b", rockchip), ("imx8mp-evk", freescale)];

/// Bank and number of a line to its name.
type NameOf = fn(u32, u32) -> String;

fn rockchip(bank: u32, pin: u32) -> String {
    format!("GPIO{bank}_{}{}", ["A", "B", "C", "D"][pin as usize / 8], pin % 8)
}

fn freescale(bank: u32, pin: u32) -> String {
    format!("GPIO{bank}_IO{pin:02}")
}

fn folder(board: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("board").join(board)
}

/// The overlays of a board by name, in order.
fn overlays(board: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(board)).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.filter(|path| path.extension().is_some_and(|e| e == "dtso"));
    let named =
        |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
    let found: BTreeMap<String, String> = sources.map(named).collect();
    assert!(found.len() >= 5, "{board} has {:?}", found.keys());
    found
}

/// Overlays that are used together: one of those that begin with the same word.
fn sets(board: &str) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in overlays(board).into_keys() {
        groups.entry(name.split('-').next().unwrap().to_owned()).or_default().push(name);
    }
    groups.into_values().fold(vec![vec![]], |sets, group| {
        let with = |set: &Vec<String>, name: &String| set.iter().chain([name]).cloned().collect();
        sets.iter().flat_map(|set| group.iter().map(move |name| with(set, name))).collect()
    })
}

fn run(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {program}: {error}; apt-get install device-tree-compiler");
            None
        }
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Compiles without a word of warning. `None` without dtc.
fn compile(source: &Path, to: &Path) -> Option<()> {
    let output = run("dtc", &["-@", "-I", "dts", "-O", "dtb", "-o", to.to_str()?, source.to_str()?])?;
    assert!(output.status.success() && words(&output).is_empty(), "{}: {}", source.display(), words(&output));
    Some(())
}

#[test]
fn every_overlay_compiles_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for (board, _) in BOARDS {
        for name in overlays(board).keys() {
            let source = folder(board).join(format!("{name}.dtso"));
            if compile(&source, &dir.path().join("overlay.dtbo")).is_none() {
                return;
            }
        }
    }
}

#[test]
fn every_set_of_overlays_applies_and_is_in_the_tree_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (board, _) in BOARDS {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/overlays/{board}.dts"));
        if compile(&base, Path::new(&path("base.dtb"))).is_none() {
            return;
        }
        for name in overlays(board).keys() {
            compile(&folder(board).join(format!("{name}.dtso")), Path::new(&path(name)));
        }
        let sets = sets(board);
        assert!(sets.len() >= 2, "{board}: panels are alternatives");
        for set in sets {
            let files: Vec<String> = set.iter().map(|name| path(name)).collect();
            let (from, to) = (path("base.dtb"), path("merged.dtb"));
            let mut args = vec!["-i", &from, "-o", &to];
            args.extend(files.iter().map(String::as_str));
            let Some(output) = run("fdtoverlay", &args) else { return };
            assert!(output.status.success(), "{board} {set:?}: {}", words(&output));
            let merged = run("dtc", &["-q", "-I", "dtb", "-O", "dts", &to]).unwrap();
            let tree = words(&merged);
            for part in ["gpio-keys", "spi-max-frequency", "spinewatch-light"] {
                assert!(tree.contains(part), "{board} {set:?}: no {part}");
            }
        }
    }
}

/// `/* pin 19: GPIO1_B2, ... */` of a source: header pins with what they are.
fn header_pins(source: &str) -> Vec<(u32, String)> {
    let comments = source.lines().filter_map(|line| line.trim().strip_prefix("/* pin "));
    let parsed = comments.map(|comment| {
        let (pin, signal) = comment.split_once(": ").unwrap_or_else(|| panic!("/* pin {comment}"));
        let signal = signal.split([',', ' ', '*']).next().unwrap().to_owned();
        (pin.parse().unwrap_or_else(|_| panic!("/* pin {comment}")), signal)
    });
    parsed.collect()
}

#[test]
fn no_pin_of_the_header_serves_two_things() {
    for (board, _) in BOARDS {
        let overlays = overlays(board);
        for set in sets(board) {
            let mut seen: BTreeMap<u32, (&str, String)> = BTreeMap::new();
            for name in &set {
                for (pin, signal) in header_pins(&overlays[name]) {
                    assert!((1..=40).contains(&pin), "{board}/{name}: pin {pin}");
                    let other = seen.insert(pin, (name, signal.clone()));
                    assert_eq!(other, None, "{board}: pin {pin} is {signal} in {name} as well");
                    // power and ground of the 40-pin header
                    let power = [1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39];
                    assert!(!power.contains(&pin), "{board}/{name}: pin {pin} is power or ground");
                }
            }
            let signals: Vec<&String> = seen.values().map(|(_, signal)| signal).collect();
            assert!(signals.iter().enumerate().all(|(i, s)| !signals[..i].contains(s)), "{board}: {signals:?}");
        }
    }
}

/// Source without comments.
fn bare(source: &str) -> String {
    let mut bare = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("/*") {
        bare += before;
        rest = after.split_once("*/").unwrap().1;
    }
    bare + rest
}

#[test]
fn every_gpio_line_is_told_with_its_pin_of_the_header_and_every_mux_is_what_its_comment_says() {
    for (board, name_of) in BOARDS {
        for (name, source) in overlays(board) {
            let told: Vec<String> = header_pins(&source).into_iter().map(|(_, signal)| signal).collect();
            for reference in bare(&source).split("<&gpio").skip(1) {
                let cells: Vec<u32> =
                    reference.split(['>', ' ']).take(2).map(|cell| cell.trim().parse().unwrap()).collect();
                let line = name_of(cells[0], cells[1]);
                assert!(told.contains(&line), "{board}/{name}: {line} is used, and no comment tells its pin");
            }
            let lines: Vec<&str> = source.lines().map(str::trim).collect();
            for pair in lines.windows(2) {
                let Some(comment) = pair[0].strip_prefix("/* pin ") else { continue };
                let signal = comment.split_once(": ").unwrap().1.split([',', ' ']).next().unwrap();
                let cells: Vec<&str> = pair[1].trim_matches(['<', '>', ',', ';']).split(' ').collect();
                match board {
                    "radxa-rock-5b" if pair[1].starts_with('<') => {
                        let line = name_of(cells[0].parse().unwrap(), cells[1].parse().unwrap());
                        assert_eq!(line, signal, "{name}: {}", pair[1]);
                    }
                    "imx8mp-evk" if cells.len() == 6 => {
                        // mux mode 5 is GPIO on every pad of this chip; the pad's two registers are 0x260 apart
                        assert_eq!(cells[3] == "0x5", signal.starts_with("GPIO"), "{name}: {}", pair[1]);
                        let [mux, config] = [cells[0], cells[1]].map(|c| u32::from_str_radix(&c[2..], 16).unwrap());
                        assert_eq!(config - mux, 0x260, "{name}: {}", pair[1]);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn no_overlay_has_a_green_lamp() {
    for (board, _) in BOARDS {
        for (name, source) in overlays(board) {
            assert!(!bare(&source).to_lowercase().contains("green"), "{board}/{name}");
        }
    }
}

/// `board/README.md` is what an engineer wires by.
#[test]
fn the_wiring_table_names_every_pin_that_an_overlay_uses() {
    let readme = fs::read_to_string(folder("README.md")).unwrap();
    let wiring = readme.split("## Wiring").nth(1).unwrap().split("\n## ").next().unwrap();
    for (column, (board, _)) in (2..).zip(BOARDS) {
        let cells = wiring.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(column));
        let listed: Vec<u32> =
            cells.flat_map(|cell| cell.split([',', ' ', ';'])).filter_map(|word| word.parse().ok()).collect();
        for (name, source) in overlays(board) {
            for (pin, signal) in header_pins(&source) {
                assert!(listed.contains(&pin), "{board}/{name}: pin {pin} ({signal}) is not in board/README.md");
            }
        }
    }
}
