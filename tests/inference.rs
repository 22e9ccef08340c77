//! Promises of the inference stage, with real ONNX models made here: packages are refused for the right reason before
//! anything of them is parsed, engines are proven by golden cases, and no slice is lost silently.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#![allow(clippy::cast_possible_wrap, clippy::missing_panics_doc, missing_docs)]

#[path = "inference/accelerator.rs"]
mod accelerator;
#[path = "inference/bench.rs"]
mod bench;
#[path = "inference/onnx.rs"]
mod onnx;
#[path = "inference/third.rs"]
mod third;

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::Duration;

use bench::{BOXES, Bench, CLASSIFIER, DETECTOR, SIZE, classifier_onnx, classify, detector_onnx, files};
use crossbeam_channel::{Receiver, Sender, bounded};
use spinewatch::dicom::{Slice, SliceHeader, Uid};
use spinewatch::inference::{
    Analyser, Choice, Done, Engine, EngineError, Fault, Model, Package, Pool, SliceFailure, SliceInput, SubmitError,
    TractEngine, TrustedKeys, load, selftest,
};

fn fault(bench: &Bench, package: &str) -> Fault {
    Package::open(&bench.package(package), &bench.keys).expect_err("must be refused").fault
}

fn refusal(bench: &Bench, package: &str) -> String {
    match load(&bench.package(package), &bench.keys, &TractEngine::default()) {
        Ok(_) => panic!("{package} must be refused"),
        Err(refusal) => refusal.why,
    }
}

fn analyser(bench: &Bench) -> Analyser {
    Analyser::open(bench.dir.path(), &Choice::default(), &bench.keys, &TractEngine::default()).unwrap()
}

/// A slice of one brightness (0 to 255), 32 rows by 64 columns, at a position in mm.
fn slice(level: i16, z_mm: f64) -> Slice {
    let uid = Uid::new("1.2");
    Slice {
        header: SliceHeader {
            study_instance_uid: uid.clone(),
            series_instance_uid: uid.clone(),
            sop_instance_uid: uid,
            frame: 0,
            rows: 32,
            columns: 64,
            pixel_spacing: [0.4, 0.4],
            image_position_patient: [0.0, 0.0, z_mm],
            image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            slice_thickness: None,
            instance_number: Some(7),
            expected_slices: None,
            image_type: Vec::new(),
        },
        hounsfield: vec![level; 32 * 64],
        burned_in_annotation: false,
    }
}

fn lone(analyser: &Analyser, level: i16) -> SliceInput {
    let this = Arc::new(analyser.prepare(&slice(level, 125.0), format!("key-{level}")).unwrap());
    SliceInput { above: None, this, below: None, slice_ratio: None }
}

// packages

#[test]
fn a_signed_package_opens_and_proves_itself() {
    let bench = Bench::new();
    let package = Package::open(&bench.package("classifier"), &bench.keys).unwrap();
    assert_eq!(package.summary().name, "classifier");
    assert_eq!(package.golden.len(), 2);
    let report = selftest(bench.dir.path(), &bench.keys, &TractEngine::default());
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.models.len(), 2);
    let (summary, golden, _) = report.models[0].outcome.as_ref().unwrap();
    assert_eq!((summary.digest.as_str(), golden.cases), (package.digest.as_str(), 2));
    assert!(golden.max_difference < 1e-5);
}

#[test]
fn a_changed_byte_in_any_file_is_refused_before_parsing() {
    let bench = Bench::new();
    for path in files(&bench.package("classifier")) {
        let good = fs::read(&path).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            let outcome = Package::open(&bench.package("classifier"), &bench.keys);
            let name = path.file_name().unwrap().to_str().unwrap();
            match outcome.map_err(|error| error.fault) {
                Err(Fault::Altered(file)) => assert!(path.ends_with(&file), "{file}"),
                Err(Fault::BrokenSignature { .. } | Fault::UntrustedKey { .. }) => assert!(name.starts_with("digest")),
                // the first line of a signature is an untrusted comment, the last byte a newline
                Ok(_) => assert!(name == "digest.txt.minisig" && at == good.len() - 1, "{name} byte {at}"),
                Err(other) => panic!("{name} byte {at}: {other}"),
            }
        }
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn a_shortened_signature_is_refused_and_does_not_panic() {
    let bench = Bench::new();
    let path = bench.package("classifier").join("digest.txt.minisig");
    let good = fs::read(&path).unwrap();
    // the newline at the end says nothing
    for length in 0..good.len() - 1 {
        fs::write(&path, &good[..length]).unwrap();
        assert!(matches!(fault(&bench, "classifier"), Fault::BrokenSignature { .. }), "{length}");
    }
}

#[test]
fn a_file_that_nothing_vouches_for_is_refused() {
    let bench = Bench::new();
    fs::write(bench.package("classifier").join("golden/0/._image.npy"), "x").unwrap();
    let error = Package::open(&bench.package("classifier"), &bench.keys).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model package classifier: golden/0/._image.npy is not in digest.txt; remove it or sign the package again"
    );
}

#[test]
fn a_missing_file_is_refused() {
    let bench = Bench::new();
    fs::remove_file(bench.package("classifier").join("golden/1/expected.npy")).unwrap();
    assert!(matches!(fault(&bench, "classifier"), Fault::Missing(file) if file == "golden/1/expected.npy"));
    bench.sign("classifier");
    assert!(matches!(fault(&bench, "classifier"), Fault::Missing(file) if file == "golden/1/expected.npy"));
    for name in ["digest.txt", "digest.txt.minisig"] {
        fs::remove_file(bench.package("detector").join(name)).unwrap();
        assert!(matches!(fault(&bench, "detector"), Fault::Unsigned(file) if file == name));
        bench.sign("detector");
    }
}

#[test]
fn a_package_of_another_signer_is_refused_by_key_id() {
    let (bench, other) = (Bench::new(), Bench::empty());
    let error = Package::open(&bench.package("classifier"), &other.keys).unwrap_err();
    let signer = bench.keys.ids().next().unwrap();
    assert!(
        error.to_string().contains(&format!("signed by key {signer}, which this device does not trust")),
        "{error}"
    );
}

#[test]
fn keys_of_a_site_are_read_from_a_folder() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    assert!(TrustedKeys::from_folder(folder.path()).unwrap_err().to_string().contains("holds no *.pub file"));
    let development = include_str!("../models/keys/development.pub");
    fs::write(folder.path().join("development.pub"), development).unwrap();
    let keys = TrustedKeys::from_folder(folder.path()).unwrap();
    assert!(keys.ids().eq(TrustedKeys::development().unwrap().ids()));
    assert!(Package::open(&bench.package("classifier"), &keys).is_err());
    fs::write(folder.path().join("broken.pub"), "untrusted comment: x\nRWQ\n").unwrap();
    assert!(TrustedKeys::from_folder(folder.path()).unwrap_err().to_string().contains("broken.pub"));
}

#[test]
fn links_in_a_package_are_not_followed() {
    let bench = Bench::new();
    let outside = bench.dir.path().join("outside");
    let model = bench.package("classifier").join("model.onnx");
    fs::rename(&model, &outside).unwrap();
    symlink(&outside, &model).unwrap();
    assert!(matches!(fault(&bench, "classifier"), Fault::NotPlain { file } if file == "model.onnx"));
    fs::remove_file(&model).unwrap();
    fs::rename(&outside, &model).unwrap();
    let golden = bench.package("classifier").join("golden");
    fs::rename(&golden, &outside).unwrap();
    symlink(&outside, &golden).unwrap();
    assert!(matches!(fault(&bench, "classifier"), Fault::NotPlain { file } if file == "golden"));
}

#[test]
fn a_signed_list_cannot_name_a_path_outside() {
    let bench = Bench::new();
    let package = bench.package("classifier");
    let mut list = fs::read_to_string(package.join("digest.txt")).unwrap();
    list.insert_str(0, &format!("{}  ../outside\n", "0".repeat(64)));
    bench.sign_text("classifier", &list);
    assert!(matches!(fault(&bench, "classifier"), Fault::DigestList { line: 1, .. }));
}

#[test]
fn an_unknown_key_in_a_manifest_is_named() {
    let bench = Bench::new();
    bench.write("classifier", &CLASSIFIER.replace("gate = 0.3", "gate = 0.3\ngates = 1"), &classifier_onnx());
    let why = refusal(&bench, "classifier");
    assert!(why.contains("package.toml: [operating_point]: unknown field `gates`, expected `thresholds` or `gate`"));
    bench.write("classifier", &CLASSIFIER.replace("model.onnx", "../detector/model.onnx"), &classifier_onnx());
    assert!(refusal(&bench, "classifier").contains("must be the name of a file in the package's own folder"));
}

// engine

#[test]
fn a_network_of_another_shape_is_refused() {
    let bench = Bench::empty();
    for (from, to, words) in [
        ("name = \"metadata\"", "name = \"numbers\"", "list of inputs is [\"image\", \"metadata\"] in the model but"),
        ("name = \"probabilities\"", "name = \"logit\"", "output is [\"probabilities\"] in the model but logit in"),
        ("16, 16]", "24, 24]", "has shape (3, 16, 16, )"),
    ] {
        bench.write("classifier", &CLASSIFIER.replace(from, to), &classifier_onnx());
        let why = refusal(&bench, "classifier");
        assert!(why.contains(words), "{why}");
    }
    let wide = DETECTOR.replace("[1, 5, 3]", "[1, 5, 4]");
    bench.write("detector", &wide, &detector_onnx());
    let golden = bench::npy("<f4", &[1, 5, 4], &[0x3f; 80]);
    for case in 0..2 {
        fs::write(bench.package("detector").join(format!("golden/{case}/expected.npy")), &golden).unwrap();
    }
    bench.sign("detector");
    let why = refusal(&bench, "detector");
    assert!(why.contains("output output0 is") && why.contains("[1, 5, 4] in package.toml"), "{why}");
}

#[test]
fn an_input_declared_with_other_numbers_is_refused() {
    let bench = Bench::empty();
    let wider = onnx::model(
        &[onnx::node("ReduceMean", &["image"], "mean", &[("axes", &[1, 2, 3])])],
        &[],
        &[("image", &[1, 3, 2 * SIZE, SIZE])],
        ("mean", &[1, 1, 1, 1]),
    );
    bench.write("detector", DETECTOR, &wider);
    let why = refusal(&bench, "detector");
    assert!(why.contains("input image is") && why.contains("f32 [1, 3, 16, 16] in package.toml"), "{why}");
}

#[test]
fn golden_outputs_that_do_not_hold_are_a_refusal() {
    let bench = Bench::new();
    let path = bench.package("classifier").join("golden/1/expected.npy");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&0.123_f32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    bench.sign("classifier");
    let why = refusal(&bench, "classifier");
    assert!(why.starts_with("model package classifier: golden case 1 differs by 0."), "{why}");
}

#[test]
fn weights_in_another_file_are_refused() {
    let bench = Bench::empty();
    let outside = onnx::model(
        &[onnx::node("Mul", &["image", "factor"], "output0", &[])],
        &[onnx::external("factor", &[1, 3, SIZE, SIZE], "../../etc/passwd")],
        &[("image", &[1, 3, SIZE, SIZE])],
        ("output0", &[1, 5, BOXES]),
    );
    bench.write("detector", DETECTOR, &outside);
    let why = refusal(&bench, "detector");
    assert!(why.contains("\"factor\" keeps its values in another file"), "{why}");
}

#[test]
fn what_is_no_network_is_a_refusal_in_words() {
    let bench = Bench::empty();
    let good = classifier_onnx();
    let unknown = onnx::model(
        &[onnx::node("Telepathy", &["image"], "probabilities", &[])],
        &[],
        &[("image", &[1, 3, SIZE, SIZE]), ("metadata", &[1, 3])],
        ("probabilities", &[1, 7]),
    );
    for network in [b"no network".as_slice(), &[], &good[..good.len() / 2], &unknown] {
        bench.write("classifier", CLASSIFIER, network);
        let why = refusal(&bench, "classifier");
        assert!(why.starts_with("model package classifier: ") && why.lines().count() == 1, "{why}");
    }
}

#[test]
fn a_run_gives_what_is_computed_by_hand_in_every_fork() {
    let bench = Bench::new();
    let loaded = load(&bench.package("classifier"), &bench.keys, &TractEngine::default()).ok().unwrap();
    let mut image = vec![0.25; 3 * SIZE * SIZE];
    image[SIZE * SIZE..2 * SIZE * SIZE].fill(0.75);
    let wanted = classify([0.25, 0.75, 0.25], [0.125, 0.5, 1.0]);
    let mut models = vec![loaded.model.fork(), loaded.model];
    for model in &mut models {
        let output = model.run(&image, Some(&[0.125, 0.5, 1.0])).unwrap();
        assert!(output.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{output:?} {wanted:?}");
        assert!(matches!(model.run(&image, None), Err(EngineError::Run(_))));
        assert!(matches!(model.run(&image[1..], Some(&[0.0; 3])), Err(EngineError::Run(_))));
        assert_eq!(model.run(&image, Some(&[0.125, 0.5, 1.0])).unwrap(), output, "after a failed run");
    }
}

#[test]
fn what_is_not_a_number_is_a_failure_and_no_answer() {
    let bench = Bench::new();
    let mut detector = load(&bench.package("detector"), &bench.keys, &TractEngine::default()).ok().unwrap().model;
    let nowhere = vec![f32::NAN; 3 * SIZE * SIZE];
    assert_eq!(detector.run(&nowhere, None), Err(EngineError::Output("NaN as an output".to_owned())));
    // a sigmoid may turn what is not a number into a probability, so it must not get so far
    let analyser = analyser(&bench);
    let lost = Arc::new(analyser.prepare(&slice(204, f64::NAN), "key".to_owned()).unwrap());
    let input = SliceInput { above: None, this: lost, below: None, slice_ratio: None };
    let failure = analyser.worker().analyse(&input).unwrap_err();
    assert_eq!(failure.to_string(), "engine failed on an image (position of the slice is not a number)");
}

// analysis

#[test]
fn evidence_says_what_the_networks_say() {
    let bench = Bench::new();
    let analyser = analyser(&bench);
    let prepared = |level, z| Arc::new(analyser.prepare(&slice(level, z), format!("key-{level}")).unwrap());
    let input = SliceInput {
        above: Some(prepared(51, 126.0)),
        this: prepared(204, 125.0),
        below: Some(prepared(102, 124.0)),
        slice_ratio: Some(0.5),
    };
    let analysis = analyser.worker().analyse(&input).unwrap();
    let wanted = classify([0.2, 0.8, 0.4], [0.125, 0.5, 1.0]);
    let evidence = analysis.evidence;
    assert!(evidence.vertebrae.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{evidence:?}");
    assert_eq!((evidence.slice_key.as_str(), evidence.z_mm, evidence.matrix), ("key-204", 125.0, [32, 64]));
    // two boxes overlap: the better one stays; 16 pixels of input are 32 rows and 64 columns
    assert_eq!(evidence.boxes.len(), 1);
    let found = evidence.boxes[0];
    assert_eq!((found.x, found.y, found.width, found.height), (24.0, 6.0, 16.0, 4.0));
    assert!((found.score - 0.8).abs() < 1e-5);
    assert!(analysis.timings.detector.is_some());
}

#[test]
fn the_detector_rests_where_no_vertebra_is_seen() {
    let bench = Bench::new();
    let analyser = analyser(&bench);
    let dark = analyser.worker().analyse(&lone(&analyser, 0)).unwrap();
    assert!(
        dark.evidence.vertebrae.iter().zip(classify([0.0; 3], [0.125, 0.0, 0.0])).all(|(a, b)| (a - b).abs() < 1e-5)
    );
    // 8 * 0.125 - 1.5 is the best logit of a dark slice: 0.378, above the gate of 0.3
    assert!(dark.timings.detector.is_some());
    bench.write("classifier", &CLASSIFIER.replace("gate = 0.3", "gate = 0.4"), &classifier_onnx());
    let analyser = self::analyser(&bench);
    let dark = analyser.worker().analyse(&lone(&analyser, 0)).unwrap();
    assert_eq!(dark.timings.detector, None);
    assert!(dark.evidence.boxes.is_empty());
    assert!(analyser.worker().analyse(&lone(&analyser, 204)).unwrap().timings.detector.is_some());
}

#[test]
fn without_a_classifier_the_device_does_not_analyse_and_says_why() {
    let bench = Bench::new();
    fs::write(bench.package("classifier").join("model.onnx"), "x").unwrap();
    let error =
        Analyser::open(bench.dir.path(), &Choice::default(), &bench.keys, &TractEngine::default()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "no vertebra classifier to analyse with: no vertebra-classifier package is usable; refused: model package \
         classifier: model.onnx is not the file that was signed; copy the package again"
    );
    let nowhere = bench.package("nowhere");
    let error = Analyser::open(&nowhere, &Choice::default(), &bench.keys, &TractEngine::default()).err().unwrap();
    assert!(error.to_string().contains("cannot read the folder of model packages"), "{error}");
}

#[test]
fn without_a_detector_the_analyser_is_degraded_and_says_why() {
    let bench = Bench::new();
    fs::write(bench.package("detector").join("extra"), "x").unwrap();
    let analyser = analyser(&bench);
    let why = analyser.detector_missing().unwrap();
    assert!(why.contains("no fracture-detector package is usable; refused: model package detector: extra is"), "{why}");
    assert_eq!((analyser.models().len(), analyser.refused().len()), (1, 1));
    assert_eq!(analyser.detector_point(), None);
    let bright = analyser.worker().analyse(&lone(&analyser, 204)).unwrap();
    assert!(bright.evidence.vertebrae[1] > 0.5);
    assert!(bright.evidence.boxes.is_empty() && bright.timings.detector.is_none());
}

#[test]
fn of_two_classifiers_none_is_taken_without_a_choice() {
    let bench = Bench::new();
    bench.write("second", &CLASSIFIER.replace("\"classifier\"", "\"classifier-two\""), &classifier_onnx());
    let error =
        Analyser::open(bench.dir.path(), &Choice::default(), &bench.keys, &TractEngine::default()).err().unwrap();
    assert!(error.why.contains("several vertebra-classifier packages (classifier, classifier-two)"), "{error}");
    let choice = Choice { classifier: Some("classifier-two".to_owned()), detector: None };
    let analyser = Analyser::open(bench.dir.path(), &choice, &bench.keys, &TractEngine::default()).unwrap();
    assert_eq!(analyser.models()[0].name, "classifier-two");
}

// workers

/// An engine whose networks wait for a word from the test before each run after the golden cases.
struct Scripted {
    words: Receiver<Word>,
}

#[derive(Clone, Copy)]
enum Word {
    Answer,
    Panic,
    Fail,
    Overshoot,
}

struct ScriptedModel {
    answers: Vec<Vec<f32>>,
    words: Receiver<Word>,
}

impl Engine for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        let answers = package.golden.iter().rev().map(|case| case.expected.clone()).collect();
        Ok(Box::new(ScriptedModel { answers, words: self.words.clone() }))
    }
}

impl Model for ScriptedModel {
    fn run(&mut self, _: &[f32], _: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        if let Some(answer) = self.answers.pop() {
            return Ok(answer);
        }
        match self.words.recv().unwrap() {
            Word::Answer => Ok(vec![0.1; 7]),
            Word::Panic => panic!("kernel bug"),
            Word::Fail => Err(EngineError::Run("no memory".to_owned())),
            Word::Overshoot => Ok(vec![1.5; 7]),
        }
    }

    fn fork(&self) -> Box<dyn Model> {
        Box::new(Self { answers: self.answers.clone(), words: self.words.clone() })
    }
}

fn scripted(workers: usize, queue: usize) -> (Arc<Analyser>, Pool<u32>, Sender<Word>) {
    let bench = Bench::empty();
    bench.write("classifier", CLASSIFIER, &classifier_onnx());
    let (say, words) = bounded(16);
    let choice = Choice::default();
    let analyser = Analyser::open(bench.dir.path(), &choice, &bench.keys, &Scripted { words }).unwrap();
    let analyser = Arc::new(analyser);
    let count = |n| NonZeroUsize::new(n).unwrap();
    let pool = Pool::start(&analyser, count(workers), count(queue), || Duration::from_secs(100)).unwrap();
    (analyser, pool, say)
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_panic_costs_its_slice_and_nothing_else() {
    let (analyser, pool, say) = scripted(1, 8);
    let script = [Word::Answer, Word::Panic, Word::Fail, Word::Overshoot, Word::Answer];
    for (tag, word) in (0..).zip(script) {
        say.send(word).unwrap();
        pool.submit(tag, lone(&analyser, 10)).unwrap();
    }
    let done: Vec<_> = (0..script.len()).map(|_| pool.results().recv_timeout(SOON).unwrap()).collect();
    assert!(done.iter().map(|d| d.tag).eq(0..5));
    assert!(done[0].outcome.is_ok() && done[4].outcome.is_ok());
    assert_eq!(done[1].outcome, Err(SliceFailure::Panicked("kernel bug".to_owned())));
    assert_eq!(done[2].outcome, Err(EngineError::Run("no memory".to_owned()).into()));
    assert_eq!(done[3].outcome, Err(EngineError::Output("1.5 as a probability".to_owned()).into()));
    assert!(pool.is_alive());
}

#[test]
fn a_full_queue_hands_the_slice_back() {
    let (analyser, pool, say) = scripted(1, 2);
    let mut taken = 0;
    // one with the worker (which waits for its word) and two in the queue, at most
    let refused = loop {
        match pool.submit(taken, lone(&analyser, 10)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken <= 3);
    };
    assert!(matches!(refused, SubmitError::Full(tag, input) if tag == taken && input.this.slice_key == "key-10"));
    for _ in 0..taken {
        say.send(Word::Answer).unwrap();
        assert!(pool.results().recv_timeout(SOON).unwrap().outcome.is_ok());
    }
}

#[test]
fn a_worker_that_hangs_is_reported_by_its_slice() {
    let (analyser, pool, say) = scripted(2, 2);
    assert!(pool.overdue(Duration::from_secs(1000), Duration::ZERO).is_empty());
    pool.submit(1, lone(&analyser, 10)).unwrap();
    // the worker writes down its slice before it runs it, and it cannot finish before the word
    while pool.overdue(Duration::from_secs(106), Duration::from_secs(5)).is_empty() {
        std::thread::yield_now();
    }
    let late = pool.overdue(Duration::from_secs(106), Duration::from_secs(5));
    assert_eq!((late[0].slice_key.as_str(), late[0].since), ("key-10", Duration::from_secs(100)));
    assert!(pool.overdue(Duration::from_secs(104), Duration::from_secs(5)).is_empty());
    say.send(Word::Answer).unwrap();
    pool.results().recv_timeout(SOON).unwrap();
    assert!(pool.overdue(Duration::from_secs(1000), Duration::ZERO).is_empty());
}

#[test]
fn many_workers_analyse_every_slice_once() {
    let bench = Bench::new();
    let analyser = Arc::new(analyser(&bench));
    let count = |n| NonZeroUsize::new(n).unwrap();
    let pool = Pool::start(&analyser, count(3), count(40), || Duration::ZERO).unwrap();
    for level in 0..40_i16 {
        pool.submit(level, lone(&analyser, 6 * level)).unwrap();
    }
    let mut done: Vec<_> = pool.close().iter().collect();
    done.sort_by_key(|d| d.tag);
    assert!(done.iter().map(|d| d.tag).eq(0..40));
    for Done { tag, outcome, .. } in &done {
        let brightness = f32::from(6 * tag) / 255.0;
        let wanted = classify([brightness; 3], [0.125, 0.0, 0.0]);
        let found = outcome.as_ref().unwrap().evidence.vertebrae;
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{tag}");
    }
}

#[test]
fn the_shipped_detector_runs_in_the_int8_engine_but_for_what_the_manifest_leaves_in_float() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fracture-detector-edge");
    let package = Package::open(&folder, &TrustedKeys::development().unwrap()).unwrap();
    let layers = TractEngine::default().explain(&package, 1).unwrap();
    let floats = &package.manifest.quantisation.as_ref().unwrap().float_layers;
    let is_meant = |name: &str| name.split('/').any(|part| floats.iter().any(|group| group == part));
    let others = layers.iter().filter(|layer| !layer.int8 && layer.kind != "Source" && !is_meant(&layer.name));
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "tract runs {others:?}");
    assert!(layers.iter().map(|layer| layer.macs).sum::<usize>() > 100_000_000);
}
