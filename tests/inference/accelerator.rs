//! Promises about accelerators: a wrong, slow, stuck or failing one costs no slice and is told. The accelerator here is
//! the processor's engine with a small offset on its answers, so that a test sees who answered.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use spinewatch::inference::{
    Accelerated, AcceleratorRules, Analyser, Choice, Engine, EngineError, Model, Package, Pool, TractEngine, load,
};

use crate::bench::{Bench, SIZE};

/// Below the tolerance of the golden cases.
const MARK: f32 = 0.0005;
const PATIENT: AcceleratorRules = AcceleratorRules {
    deadline: Duration::from_secs(20),
    start_deadline: Duration::from_secs(20),
    slowest_ratio: f64::INFINITY,
};
const HASTY: AcceleratorRules = AcceleratorRules { deadline: Duration::from_millis(200), ..PATIENT };

#[derive(Clone, Copy, Debug)]
enum Word {
    Hang,
    Fail,
    Panic,
}

/// Does what it is told, and else answers.
#[derive(Clone)]
struct Npu {
    /// Name of the package that it computes wrongly.
    wrong_on: &'static str,
    on_load: Option<Word>,
    words: Receiver<Word>,
    /// A hanging call returns when the test lets go of the other end.
    hook: Receiver<()>,
    asked: Arc<AtomicUsize>,
}

struct NpuModel {
    inner: Box<dyn Model>,
    offset: f32,
    npu: Npu,
}

impl Npu {
    fn obey(&self, word: Option<Word>) -> Result<(), EngineError> {
        match word {
            None => Ok(()),
            Some(Word::Hang) => {
                let _ = self.hook.recv();
                Ok(())
            }
            Some(Word::Fail) => Err(EngineError::Run("bus error".to_owned())),
            Some(Word::Panic) => panic!("driver bug"),
        }
    }
}

impl Engine for Npu {
    fn name(&self) -> &'static str {
        "npu"
    }

    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        self.obey(self.on_load)?;
        let offset = if self.wrong_on == package.manifest.name { 0.5 } else { MARK };
        Ok(Box::new(NpuModel { inner: TractEngine::default().load(package)?, offset, npu: self.clone() }))
    }
}

impl Model for NpuModel {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        self.npu.asked.fetch_add(1, Ordering::Relaxed);
        self.npu.obey(self.npu.words.try_recv().ok())?;
        Ok(self.inner.run(image, metadata)?.iter().map(|value| value + self.offset).collect())
    }

    fn fork(&self) -> Box<dyn Model> {
        Box::new(Self { inner: self.inner.fork(), offset: self.offset, npu: self.npu.clone() })
    }
}

/// A device with a bench of packages; `say` and `hook` are the ends that the test holds.
struct Device {
    bench: Bench,
    engine: Accelerated,
    say: Sender<Word>,
    hook: Option<Sender<()>>,
    asked: Arc<AtomicUsize>,
}

fn device(rules: AcceleratorRules, change: impl FnOnce(&mut Npu)) -> Device {
    let ((say, words), (hook_in, hook), asked) = (unbounded(), unbounded(), Arc::new(AtomicUsize::new(0)));
    let mut npu = Npu { wrong_on: "", on_load: None, words, hook, asked: Arc::clone(&asked) };
    change(&mut npu);
    let engine = Accelerated::of(Box::new(TractEngine::default()), Arc::new(npu), rules);
    Device { bench: Bench::new(), engine, say, hook: Some(hook_in), asked }
}

impl Device {
    fn model(&self, package: &str) -> Box<dyn Model> {
        load(&self.bench.package(package), &self.bench.keys, &self.engine).ok().unwrap().model
    }

    fn fault(&self) -> String {
        self.engine.watch().fault().unwrap_or_default()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// What the processor alone says of [`classified`].
    fn plain(&self) -> Vec<f32> {
        let mut model =
            load(&self.bench.package("classifier"), &self.bench.keys, &TractEngine::default()).ok().unwrap().model;
        classified(model.as_mut())
    }
}

fn classified(model: &mut dyn Model) -> Vec<f32> {
    model.run(&[0.25; 3 * SIZE * SIZE], Some(&[0.1, 0.5, 1.0])).unwrap()
}

fn marked(plain: &[f32]) -> Vec<f32> {
    plain.iter().map(|value| value + MARK).collect()
}

#[test]
fn a_proven_accelerator_answers_in_every_fork() {
    let device = device(PATIENT, |_| {});
    let mut model = device.model("classifier");
    let wanted = marked(&device.plain());
    assert_eq!(classified(model.as_mut()), wanted);
    assert_eq!(classified(model.fork().as_mut()), wanted);
    let standing = device.engine.watch().standing();
    assert_eq!((standing.fault(), standing.proven().len()), (None, 1));
    assert!(standing.proven()[0].starts_with("classifier: "), "{standing:?}");
}

#[test]
fn a_wrong_accelerator_is_refused_and_the_processor_works() {
    let device = device(PATIENT, |npu| npu.wrong_on = "classifier");
    let mut model = device.model("classifier");
    assert_eq!(classified(model.as_mut()), device.plain());
    assert!(device.fault().starts_with("refused: classifier: golden case 0 differs by 0.5"), "{}", device.fault());
}

#[test]
fn an_accelerator_that_is_wrong_on_one_network_is_asked_for_none() {
    let device = device(PATIENT, |npu| npu.wrong_on = "detector");
    let mut model = device.model("classifier");
    let _ = device.model("detector");
    assert!(device.fault().starts_with("refused: detector: "), "{}", device.fault());
    let asked = device.asked();
    assert_eq!(classified(model.as_mut()), device.plain());
    assert_eq!(device.asked(), asked);
}

#[test]
fn a_slow_network_stays_on_the_processor_and_is_told() {
    let device = device(AcceleratorRules { slowest_ratio: 0.0, ..PATIENT }, |_| {});
    let mut model = device.model("classifier");
    assert_eq!(classified(model.as_mut()), device.plain());
    assert!(device.fault().starts_with("slow on classifier: "), "{}", device.fault());
}

#[test]
fn an_accelerator_that_does_not_load_is_refused_in_words() {
    let impatient = AcceleratorRules { start_deadline: Duration::from_millis(50), ..PATIENT };
    for (word, rules, words) in [
        (Word::Fail, PATIENT, "bus error"),
        (Word::Panic, PATIENT, "it panicked: driver bug"),
        (Word::Hang, impatient, "no answer within 50 ms"),
    ] {
        let device = device(rules, |npu| npu.on_load = Some(word));
        let mut model = device.model("classifier");
        assert_eq!(classified(model.as_mut()), device.plain());
        let fault = device.fault();
        assert!(fault.starts_with("refused: classifier does not load: ") && fault.contains(words), "{fault}");
        assert_eq!(fault.lines().count(), 1);
    }
}

#[test]
fn a_stuck_accelerator_costs_no_slice_and_is_never_asked_again() {
    let mut device = device(HASTY, |_| {});
    let mut model = device.model("classifier");
    let (plain, asked) = (device.plain(), device.asked());
    device.say.send(Word::Hang).unwrap();
    assert_eq!(classified(model.as_mut()), plain);
    assert_eq!(device.fault(), "given up: no answer within 200 ms");
    // when the driver lets go at last, its answer is nobody's
    device.hook = None;
    assert_eq!(classified(model.as_mut()), plain);
    assert_eq!(classified(model.fork().as_mut()), plain);
    assert_eq!(device.asked(), asked + 1);
}

#[test]
fn a_failing_accelerator_costs_no_slice_and_is_given_up_after_three() {
    let device = device(PATIENT, |_| {});
    let mut model = device.model("classifier");
    let plain = device.plain();
    for word in [Word::Fail, Word::Panic] {
        device.say.send(word).unwrap();
        assert_eq!(classified(model.as_mut()), plain, "{word:?}");
        assert!(device.fault().starts_with("failed on "), "{}", device.fault());
        assert_eq!(classified(model.as_mut()), marked(&plain));
    }
    device.say.send(Word::Fail).unwrap();
    assert_eq!(classified(model.as_mut()), plain);
    assert!(device.fault().starts_with("given up after 3 failures: "), "{}", device.fault());
    assert_eq!(classified(model.as_mut()), plain);
}

#[test]
fn slices_of_several_workers_survive_a_stuck_accelerator() {
    let device = device(HASTY, |_| {});
    let Bench { dir, keys, .. } = &device.bench;
    let analyser = Arc::new(Analyser::open(dir.path(), &Choice::default(), keys, &device.engine).unwrap());
    assert_eq!(device.engine.watch().standing().proven().len(), 2);
    device.say.send(Word::Hang).unwrap();
    let count = |n| NonZeroUsize::new(n).unwrap();
    let pool = Pool::start(&analyser, count(3), count(8), || Duration::ZERO).unwrap();
    for tag in 0..8 {
        pool.submit(tag, crate::lone(&analyser, 100 + tag)).unwrap();
    }
    let mut tags: Vec<i16> = Vec::new();
    for _ in 0..8 {
        let done = pool.results().recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(done.outcome.is_ok(), "{:?}", done.outcome);
        tags.push(done.tag);
    }
    tags.sort_unstable();
    assert!(tags.into_iter().eq(0..8));
    assert!(device.fault().starts_with("given up: "), "{}", device.fault());
}

#[cfg(not(feature = "accelerator"))]
#[test]
fn a_build_without_accelerators_says_so_and_works() {
    let bench = Bench::new();
    let engine = configured("openvino", "/usr/lib/libonnxruntime.so", "");
    assert!(load(&bench.package("classifier"), &bench.keys, &engine).is_ok());
    let fault = engine.watch().fault().unwrap();
    assert!(fault.starts_with("refused: this build has no accelerator support for openvino"), "{fault}");
}

#[cfg(feature = "accelerator")]
#[test]
fn a_library_that_is_not_there_is_named() {
    let bench = Bench::new();
    let engine = configured("cpu", "/nonexistent/libonnxruntime.so", "");
    assert!(load(&bench.package("classifier"), &bench.keys, &engine).is_ok());
    let fault = engine.watch().fault().unwrap();
    assert!(fault.contains("/nonexistent/libonnxruntime.so"), "{fault}");
}

/// `SPINEWATCH_ORT_LIBRARY=libonnxruntime.so cargo test --release --features accelerator --test inference shipped -- --nocapture`;
/// `SPINEWATCH_ORT_PROVIDER` (default `cpu`) and `SPINEWATCH_ORT_OPTIONS` (a TOML inline table) choose another provider,
/// `SPINEWATCH_ORT_PACKAGES` the packages.
#[cfg(feature = "accelerator")]
#[test]
fn the_shipped_packages_hold_on_onnx_runtime() {
    let Ok(library) = std::env::var("SPINEWATCH_ORT_LIBRARY") else {
        println!("skipped: SPINEWATCH_ORT_LIBRARY names no library of ONNX Runtime");
        return;
    };
    let provider = std::env::var("SPINEWATCH_ORT_PROVIDER").unwrap_or_else(|_| "cpu".to_owned());
    let options = std::env::var("SPINEWATCH_ORT_OPTIONS").unwrap_or_else(|_| "{}".to_owned());
    let both = || "vertebra-classifier-edge fracture-detector-edge".to_owned();
    let packages = std::env::var("SPINEWATCH_ORT_PACKAGES").unwrap_or_else(|_| both());
    let packages: Vec<&str> = packages.split_whitespace().collect();
    let engine = configured(&provider, &library, &format!("options = {options}"));
    let models = std::path::Path::new("models");
    let keys = spinewatch::inference::TrustedKeys::from_folder(&models.join("keys")).unwrap();
    for package in &packages {
        let loaded = load(&models.join(package), &keys, &engine).ok().unwrap();
        println!("{package}: largest difference {:.4} of {}", loaded.golden.max_difference, loaded.golden.tolerance);
    }
    let standing = engine.watch().standing();
    standing.proven().iter().for_each(|line| println!("{line}"));
    assert_eq!((standing.fault(), standing.proven().len()), (None, packages.len()));
}

/// Speed is not judged: these machines are shared.
fn configured(provider: &str, library: &str, options: &str) -> Accelerated {
    let text = format!(
        "[accelerator]\nprovider = {provider:?}\nlibrary = {library:?}\nslowest_ratio = 100\n{options}\n[models]\nworkers = 2\n"
    );
    let settings = spinewatch::config::Settings::parse(&text, std::path::Path::new("test.toml")).unwrap();
    Accelerated::new(TractEngine::default(), &settings.accelerator, settings.models.workers)
}
