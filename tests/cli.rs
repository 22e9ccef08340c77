//! The binary as people and units call it: exit codes, words, and the demo.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn spinewatch(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spinewatch")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn config(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_bad_configuration_ends_with_78_and_names_file_key_and_what_is_allowed() {
    for verb in ["check", "run"] {
        let bad = config("[study]\nseries_quiet_secs = 0\n");
        let output = spinewatch(&[verb, "--config", bad.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78), "{}", words(&output));
        for part in [bad.path().to_str().unwrap(), "study.series_quiet_secs", "1 to 120"] {
            assert!(words(&output).contains(part), "{part} is missing from: {}", words(&output));
        }
    }
}

#[test]
fn the_shipped_configuration_passes() {
    let shipped = "board/rootfs/etc/spinewatch/spinewatch.toml";
    let output = spinewatch(&["check", "--configuration-only", "--config", shipped]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
}

#[test]
fn check_names_each_part_of_the_device_that_does_not_work() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[share]\npath = '{0}/nowhere'\n[state]\ndir = '{0}/state'\n[models]\ndir = '{0}'\ntrusted_keys = '{0}'\n\
         [mqtt]\nurl = 'mqtt://127.0.0.1:9'\n[display]\nsurface = 'framebuffer'\nframebuffer = '/dev/fb99'\n",
        dir.path().display()
    );
    let output = spinewatch(&["check", "--config", config(&text).path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = words(&output);
    for part in ["good  state", "BAD   share", "BAD   models", "BAD   broker", "BAD   screen"] {
        assert!(told.contains(part), "{part} is missing from: {told}");
    }
}

#[test]
fn an_accelerator_that_is_not_there_leaves_the_work_to_the_processor_and_is_told() {
    let library = "provider = 'cpu'\nlibrary = '/nonexistent/libonnxruntime.so'\n";
    let text = format!("[models]\ndir = 'models'\ntrusted_keys = 'models/keys'\n[accelerator]\n{library}");
    let output = spinewatch(&["selftest", "--config", config(&text).path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert_eq!(words(&output).matches("  holds  ").count(), 2, "{}", words(&output));
    assert!(words(&output).contains("ACCELERATOR  refused: "), "{}", words(&output));
}

#[test]
fn the_shipped_packages_hold_on_this_machine() {
    let output = spinewatch(&["selftest", "--models", "models"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(words(&output).matches("  holds  ").count(), 2, "{}", words(&output));
}

#[test]
fn a_folder_without_packages_fails_the_self_test() {
    let dir = tempfile::tempdir().unwrap();
    let output = spinewatch(&["selftest", "--models", dir.path().to_str().unwrap(), "--keys", "models/keys"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
}

#[test]
fn help_manual_and_completions_come_from_one_source() {
    for (args, part) in [
        (&["--help"][..], "never clears"),
        (&["man"][..], ".TH spinewatch"),
        (&["completions", "bash"][..], "_spinewatch"),
        (&["completions", "fish"][..], "complete -c spinewatch"),
    ] {
        let output = spinewatch(args);
        assert!(output.status.success() && words(&output).contains(part), "{args:?}: {}", words(&output));
    }
}

#[test]
fn analyze_refuses_what_is_no_ct_by_name_and_never_calls_it_free_of_suspicion() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "Notes of the technologist, no DICOM. ".repeat(20)).unwrap();
    let output = spinewatch(&["analyze", "--json", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["rejected"][0]["code"], "not_dicom");
    assert_eq!(report["series"].as_array().unwrap().len(), 0);
}

/// The real 28-slice head CT with gantry tilt: it cuts C1 and the dens, and no other cervical vertebra.
#[test]
fn a_real_head_is_never_free_of_suspicion() {
    let Some(corpus) = std::env::var_os("SPINEWATCH_CORPUS") else {
        println!("skipped: SPINEWATCH_CORPUS is not set");
        return;
    };
    let series = Path::new(&corpus).join("head-ct-tilted");
    let output = spinewatch(&["analyze", "--json", series.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let series = report["series"].as_array().unwrap();
    assert_eq!(series.len(), 1, "{report:#}");
    let verdict = series[0]["verdict"].as_str().unwrap();
    assert!(["partly_analysed", "not_analysed"].contains(&verdict), "{verdict}");
}

#[test]
fn evaluate_gives_the_papers_figures_with_intervals() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let made = ["phantom", "dataset", "--studies", "2", "--seed", "4", "--slice-spacing", "6..6", data];
    assert!(spinewatch(&made).status.success());
    let (page, lines) = (dir.path().join("page"), dir.path().join("predictions.jsonl"));
    let outputs = ["--report", page.to_str().unwrap(), "--predictions", lines.to_str().unwrap()];
    let evaluate = ["evaluate", "--dataset", data, "--models", "models", "--resamples", "20", "--json", "--float32"];
    let output = spinewatch(&[evaluate.as_slice(), &outputs].concat());
    assert!(output.status.success(), "{}", words(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["studies"], 2);
    let figure = |name: &str| {
        let found = report["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing: {report:#}")).clone()
    };
    let f1 = figure("macro F1");
    assert!((0.3..=1.0).contains(&f1["value"].as_f64().unwrap()), "{f1}");
    assert_eq!(f1["interval"].as_array().unwrap().len(), 2);
    for name in ["exact match ratio", "weighted log loss, scores clipped to 0.001"] {
        assert!(figure(name)["value"].is_number(), "{name}");
    }
    for name in ["mAP50-95", "specificity"] {
        assert!(figure(name).get("value").is_some());
    }
    let float32 = report["float32"]["figures"].as_array().unwrap();
    assert_eq!(float32.len(), report["figures"].as_array().unwrap().len());
    let macro_f1 = float32.iter().find(|figure| figure["key"] == "slices.macro_f1").unwrap();
    assert!(macro_f1["difference"].as_f64().unwrap().abs() < 0.1, "the same network: {macro_f1}");
    let text = std::fs::read_to_string(lines).unwrap();
    let slices = text.lines().filter(|line| line.contains("\"what\":\"slice\"")).count();
    assert_eq!(slices as u64, report["slices"].as_u64().unwrap());
    let page = std::fs::read_to_string(page.join("index.html")).unwrap();
    assert!(page.contains("Phantom, not patients") && page.contains("tract float32"));
}

#[test]
fn facts_of_a_data_set_stand_beside_the_published_ones() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let made =
        ["phantom", "dataset", "--studies", "2", "--seed", "4", "--slice-spacing", "8..8", "--matrix", "64", data];
    assert!(spinewatch(&made).status.success());
    let output = spinewatch(&["phantom", "facts", "--json", data]);
    assert!(output.status.success(), "{}", words(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let facts = report["facts"].as_array().unwrap();
    let none = facts.iter().find(|fact| fact["key"] == "visibility.none").unwrap();
    assert_eq!(none["source"], 0.37);
    assert!(none["value"].is_number() && none["ratio"].is_number(), "{none}");
    let table = words(&spinewatch(&["phantom", "facts", data]));
    for part in ["published", "here", "difference", "ratio", "width, px, p50"] {
        assert!(table.contains(part), "{part} is missing from: {table}");
    }
}

#[test]
fn the_demo_gets_its_study_right() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("demo");
    let output = spinewatch(&["demo", "--once", "--slices", "300", "--rate", "40", "--out", out.to_str().unwrap()]);
    let told = words(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 of 1 verdicts and their levels are right"), "{told}");
    assert!(std::fs::read_dir(out.join("screens")).unwrap().count() > 2, "screens were saved");
}

#[test]
fn a_benchmark_without_its_peer_says_what_to_install_and_how_to_name_it() {
    let output = spinewatch(&["bench", "engine", "--against", "ort", "--python", "/nowhere/python"]);
    assert_eq!(output.status.code(), Some(1));
    for part in ["/nowhere/python", "tests/peer/requirements.txt", "--python"] {
        assert!(words(&output).contains(part), "{part} is missing from: {}", words(&output));
    }
}
