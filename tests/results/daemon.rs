//! From a slice on the share to a document in the folder, through the daemon itself and through a power cut.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spinewatch::config::{
    DisplaySettings, Identifiers, ModelSettings, MqttSettings, PrivacySettings, ResultsSettings, Settings,
    ShareSettings, StateSettings, StudySettings, SurfaceKind,
};
use spinewatch::phantom::dicom_writer::{encode, study_instance_uid};
use spinewatch::phantom::{Habits, Study, StudySpec};

use super::documents::FORMATS;

const SEED: u64 = 6_100;
const PATIENCE: Duration = Duration::from_secs(30);

/// Killed when dropped.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> Self {
        let nowhere = dir.join("models");
        std::fs::create_dir_all(&nowhere).unwrap();
        let settings = Settings {
            share: ShareSettings { path: dir.join("share"), scan_millis: 50, settle_millis: 100, ..Default::default() },
            study: StudySettings { series_quiet_secs: 1, series_gap_patience_secs: 1, ..Default::default() },
            // without a model everything is collected, told as not analysed, and quick
            models: ModelSettings { trusted_keys: nowhere.clone(), dir: nowhere, ..Default::default() },
            mqtt: MqttSettings { url: "mqtt://127.0.0.1:1".into(), ..Default::default() },
            display: DisplaySettings { surface: SurfaceKind::None, ..Default::default() },
            privacy: PrivacySettings { identifiers: Identifiers::Clear, ..Default::default() },
            results: ResultsSettings { dir: dir.join("results"), formats: FORMATS.to_vec() },
            state: StateSettings { dir: dir.join("state"), ..Default::default() },
            ..Default::default()
        };
        let config = dir.join("spinewatch.toml");
        std::fs::write(&config, toml::to_string(&settings).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spinewatch"));
        command.args(["run", "--config"]).arg(&config).stdin(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn documents(folder: &Path) -> Option<Vec<String>> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".partial"));
    names.sort();
    (names.len() >= 3).then_some(names)
}

#[test]
fn a_study_that_was_told_before_a_power_cut_is_filed_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (share, results) = (dir.path().join("share"), dir.path().join("results"));
    std::fs::create_dir_all(&share).unwrap();
    // the folder fails while the verdict is committed, and the power goes
    std::fs::write(&results, "a file in the folder's place").unwrap();
    let daemon = Daemon::start(dir.path());
    let study = Study::generate(&StudySpec { slices: Some(4), matrix: 128, ..StudySpec::new(SEED) });
    for index in 0..study.len() {
        let bytes = encode(&study, index, &study.render(index).hounsfield, &Habits::console()).unwrap();
        std::fs::write(share.join(format!("{index}.dcm")), bytes).unwrap();
    }
    // the verdict stands when the database's log names it; the database itself belongs to the daemon alone
    wait_for("the verdict", || {
        let log = std::fs::read(dir.path().join("state/spinewatch.db-wal")).ok()?;
        log.windows(12).any(|bytes| bytes == b"not_analysed").then_some(())
    });
    drop(daemon);
    std::fs::remove_file(&results).unwrap();
    let _daemon = Daemon::start(dir.path());
    let names = wait_for("the documents", || documents(&results));
    assert_eq!(names.len(), 3, "no key picture of what was not analysed: {names:?}");
    let report = dicom_object::open_file(results.join(&names[2])).unwrap();
    let uid = report.element_by_name("StudyInstanceUID").unwrap().to_str().unwrap().into_owned();
    assert_eq!(uid.trim_end_matches('\0'), study_instance_uid(SEED));
    assert_eq!(report.element_by_name("CompletionFlag").unwrap().to_str().unwrap().trim(), "PARTIAL");
    let patient = report.element_by_name("PatientName").unwrap();
    assert!(patient.to_str().unwrap().is_empty(), "no identity");
}
