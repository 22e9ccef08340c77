//! The Yocto layer's lists against the repository: what can be held in a moment. All of it: `yocto/check/run`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

const LAYER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/yocto/meta-spinewatch");

fn crates(arguments: &[&str]) -> Option<std::process::Output> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/yocto/crates");
    let python = Command::new("python3").arg(script).args(arguments).output();
    if python.is_err() {
        eprintln!("skipped: python3 is not installed");
    }
    python.ok()
}

#[test]
fn every_crate_of_the_lock_file_is_a_source_of_the_recipe() {
    let Some(done) = crates(&["--check"]) else { return };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_crate_that_is_missing_from_the_list_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("crates.inc");
    let whole =
        std::fs::read_to_string(Path::new(LAYER).join("recipes-spinewatch/spinewatch/spinewatch-crates.inc")).unwrap();
    let without: String =
        whole.lines().filter(|line| !line.contains("crates.io/minisign/")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&list, without).unwrap();
    let Some(done) = crates(&["--check", "--out", list.to_str().unwrap()]) else { return };
    assert!(!done.status.success());
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(words.contains("minisign") && words.contains("stale"), "{words}");
}

#[test]
fn recipe_and_distribution_have_the_daemons_version() {
    let version = env!("CARGO_PKG_VERSION");
    let recipe = format!("recipes-spinewatch/spinewatch/spinewatch_{version}.bb");
    assert!(Path::new(LAYER).join(&recipe).is_file(), "rename the recipe to {recipe}");
    let distribution = std::fs::read_to_string(Path::new(LAYER).join("conf/distro/spinewatch.conf")).unwrap();
    assert!(distribution.contains(&format!("DISTRO_VERSION = \"{version}\"\n")), "DISTRO_VERSION is not {version}");
}

#[test]
fn every_machine_has_its_boards_files() {
    let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("board");
    let mut machines = 0;
    for entry in std::fs::read_dir(Path::new(LAYER).join("conf/machine")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        machines += 1;
        let machine = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let folder =
            text.lines().find_map(|line| line.strip_prefix("SPINEWATCH_BOARD = \"")?.strip_suffix('"')).unwrap();
        let slots = std::fs::read_to_string(board.join(folder).join("system.conf")).unwrap();
        assert!(
            slots.lines().any(|line| line == format!("compatible={machine}")),
            "board/{folder}/system.conf is not for {machine}"
        );
        assert!(board.join(folder).join("board.env").is_file(), "board/{folder}/board.env");
    }
    assert_eq!(machines, 3);
}
