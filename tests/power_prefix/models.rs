//! Cuts during installations and rollbacks of model packages: at each there is a detector that holds, the old one or the
//! new one, and the next installation works.

use std::path::{Path, PathBuf};

use spinewatch::inference::TractEngine;
use spinewatch::update::models::{Selection, Sources, install, rollback};

use crate::device::{Device, SHIPPED, detector_of};
use crate::replay::{Before, Flaw, replay};
use crate::trace::{Op, can_record, record};

const NEXT: &str = "9.0.0";

/// What is done, and the version that it leads to.
const STORY: [(&[&str], &str); 7] = [
    (&["install", "0.3.0"], "0.3.0"),
    (&["install", "0.4.0"], "0.4.0"),
    (&["install", "0.5.0"], "0.5.0"),
    (&["rollback"], "0.4.0"),
    (&["install", "0.6.0"], "0.6.0"),
    (&["install", "0.1.0", "--force"], "0.1.0"),
    (&["rollback", "--shipped"], SHIPPED),
];

/// Everything that the verbs do, with a line before each that says what it leads to.
fn recorded(device: &Device) -> Vec<Op> {
    let config = device.configuration("mqtt://127.0.0.1:1");
    let mut ops = Vec::new();
    for (verb, version) in STORY {
        let package = (verb[0] == "install").then(|| device.detector(verb[1]).display().to_string());
        let mut arguments = vec!["models", verb[0], package.as_deref().unwrap_or("detector")];
        arguments.extend(verb.iter().filter(|word| word.starts_with("--")));
        arguments.extend(["--config", config.to_str().unwrap()]);
        ops.push(Op::Said(format!("leads to {version}")));
        ops.extend(record(&device.state(), Path::new(env!("CARGO_BIN_EXE_spinewatch")), &arguments, &[]));
        let told = ops.iter().rev().find_map(|op| if let Op::Said(line) = op { Some(line.clone()) } else { None });
        assert!(told.is_some_and(|line| line.starts_with("A daemon that runs uses it")), "the verb has told");
        assert_eq!(detector(device, &device.installed()).unwrap(), version);
    }
    ops
}

/// Versions that may be in use after these lines: the one before and the one that was begun, or the one that was told.
fn allowed(said: &[String]) -> Vec<String> {
    let mut allowed = vec![SHIPPED.to_owned()];
    for line in said {
        if let Some(version) = line.strip_prefix("leads to ") {
            allowed.push(version.to_owned());
        } else if line.starts_with("installed ") || line.starts_with("back to ") {
            allowed.drain(..allowed.len() - 1);
        }
    }
    allowed
}

fn sources<T>(device: &Device, installed: &Path, act: impl FnOnce(&Sources<'_>) -> T) -> T {
    let (shipped, engine) = (device.shipped(), TractEngine::default());
    act(&Sources { shipped: &shipped, installed, keys: &device.vendor.keys, engine: &engine })
}

/// Version of the detector that a start would use; it must be the one that counts, not one in its place.
fn detector(device: &Device, installed: &Path) -> Result<String, Flaw> {
    let selection: Selection = sources(device, installed, |sources| sources.select());
    match (&selection.refused[..], &selection.fallbacks[..]) {
        ([], []) if selection.loaded.len() == 1 => Ok(detector_of(&selection)),
        ([], []) => Err(Flaw::Brick("no detector".into())),
        (refused, fallbacks) => Err(Flaw::Brick(format!("{refused:?} {fallbacks:?}"))),
    }
}

/// A new installation, and the way back from it.
fn goes_on(device: &Device, installed: &Path, next: &Path, in_use: &str) -> Result<(), Flaw> {
    let brick = |error: spinewatch::update::models::SwitchError| Flaw::Brick(error.to_string());
    sources(device, installed, |sources| install(sources, next, false)).map_err(brick)?;
    let runs = detector(device, installed)?;
    if runs != NEXT {
        return Err(Flaw::Brick(format!("{runs} in use after the installation of {NEXT}")));
    }
    sources(device, installed, |sources| rollback(sources, "detector", false)).map_err(brick)?;
    let back = detector(device, installed)?;
    if back == in_use { Ok(()) } else { Err(Flaw::Lost(format!("back to {back}, not to {in_use}"))) }
}

#[test]
fn a_cut_at_any_write_of_a_model_switch_leaves_the_old_package_or_the_new_one() {
    if let Err(word) = can_record() {
        println!("{word}");
        return;
    }
    let device = Device::new();
    std::fs::remove_dir_all(device.shipped().join("classifier")).unwrap();
    let ops = recorded(&device);
    let next: PathBuf = device.detector(NEXT);
    let tally = replay(Before::nothing(), &ops, crate::careless(200), 5, |state, said| {
        let installed = state.join("models");
        let runs = detector(&device, &installed)?;
        let allowed = allowed(said);
        if !allowed.contains(&runs) {
            return Err(Flaw::Lost(format!("{runs} in use, promised: {allowed:?}")));
        }
        goes_on(&device, &installed, &next, &runs)
    });
    println!("model switch: {} verbs, {} operations: {tally}", STORY.len(), ops.len());
    assert!(tally.bricks.is_empty(), "{:#?}", tally.bricks);
    assert!(tally.lost.is_empty(), "{:#?}", tally.lost);
    assert!(tally.in_order > 200, "the recording is too short to prove anything: {tally}");
}
