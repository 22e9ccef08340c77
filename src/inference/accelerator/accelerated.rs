//! The engine of a device with an accelerator: the processor's engine, relieved of what the accelerator has proven.

use std::sync::Arc;
use std::time::Duration;

use super::lane::{Lane, SharedEngine};
use super::standing::{Silence, Trial, Watch, judge};
use crate::config::{AcceleratorSettings, Settings};
use crate::inference::{Engine, EngineError, GoldenFault, GoldenReport, Manifest, Model, Package, TractEngine, golden};

/// What is asked of an accelerator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Time for one image, from its turn on.
    pub deadline: Duration,
    /// Time to load one network: some providers compile it then.
    pub start_deadline: Duration,
    /// Share of the processor's time for a golden case that it may take.
    pub slowest_ratio: f64,
}

impl From<&AcceleratorSettings> for Rules {
    fn from(settings: &AcceleratorSettings) -> Self {
        Self {
            deadline: Duration::from_millis(settings.deadline_millis),
            start_deadline: Duration::from_secs(settings.start_deadline_secs),
            slowest_ratio: settings.slowest_ratio,
        }
    }
}

/// See the module. Without an accelerator it is the processor's engine and nothing else.
pub struct Accelerated {
    processor: Box<dyn Engine>,
    accelerator: Option<SharedEngine>,
    rules: Rules,
    watch: Arc<Watch>,
}

impl Accelerated {
    /// In front of the processor's engine, as the configuration says. `threads`: for what the provider leaves to the
    /// processor.
    ///
    /// A build without the feature `accelerator` refuses any that is configured, in words.
    pub fn new(processor: TractEngine, settings: &AcceleratorSettings, threads: usize) -> Self {
        let engine = Self {
            processor: Box::new(processor),
            accelerator: None,
            rules: Rules::from(settings),
            watch: Arc::new(Watch::default()),
        };
        match settings.provider {
            None => engine,
            Some(provider) => engine.with_provider(provider, settings, threads),
        }
    }

    /// The engines of a configured device.
    pub fn of_device(settings: &Settings) -> Self {
        Self::new(TractEngine::of_device(settings), &settings.accelerator, settings.models.workers)
    }

    /// Any two engines.
    pub fn of(processor: Box<dyn Engine>, accelerator: SharedEngine, rules: Rules) -> Self {
        Self { processor, accelerator: Some(accelerator), rules, watch: Arc::new(Watch::default()) }
    }

    /// How the accelerator does; stays without a fault where none is configured.
    pub fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    #[cfg(feature = "accelerator")]
    fn with_provider(self, provider: crate::config::Provider, settings: &AcceleratorSettings, threads: usize) -> Self {
        let library = settings.library.clone().unwrap_or_default();
        let engine = super::onnx_runtime::OnnxRuntime { library, provider, options: settings.options.clone(), threads };
        Self { accelerator: Some(Arc::new(engine)), ..self }
    }

    #[cfg(not(feature = "accelerator"))]
    fn with_provider(self, provider: crate::config::Provider, _: &AcceleratorSettings, _: usize) -> Self {
        let why = format!(
            "this build has no accelerator support for {}: install one made with the feature `accelerator`, or remove \
             accelerator.provider",
            provider.name()
        );
        self.watch.tell(|standing| standing.refuse(&why));
        self
    }

    /// The network on the accelerator, where it is right and fast enough there.
    fn try_out(&self, accelerator: &SharedEngine, package: &Package, processor: Duration) -> Option<Arc<Lane>> {
        let name = &package.manifest.name;
        let Rules { deadline, start_deadline, slowest_ratio } = self.rules;
        let lane = match Lane::start(Arc::clone(accelerator), package.clone(), start_deadline, deadline) {
            Ok(lane) => Arc::new(lane),
            Err(silence) => {
                self.watch.tell(|standing| standing.refuse(&format!("{name} does not load: {silence}")));
                return None;
            }
        };
        let trial = best_of_two(&mut OnLane(Arc::clone(&lane)), package);
        match judge(processor, trial.as_ref(), slowest_ratio) {
            Trial::Wrong(why) => self.watch.tell(|standing| standing.refuse(&format!("{name}: {why}"))),
            Trial::Slow(why) => self.watch.tell(|standing| standing.slow(name, &why)),
            Trial::Proven => {
                let line = proof(&package.manifest, trial.ok()?.per_case, processor, lane.whereabouts());
                tracing::info!("accelerator runs {line}");
                self.watch.tell(|standing| standing.proves(line));
                return Some(lane);
            }
        }
        None
    }
}

impl Engine for Accelerated {
    fn name(&self) -> &'static str {
        if self.accelerator.is_some() { "int8 on tract, with an accelerator in front" } else { self.processor.name() }
    }

    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        let mut processor = self.processor.load(package)?;
        let Some(accelerator) = self.accelerator.as_ref().filter(|_| self.watch.is_trusted()) else {
            return Ok(processor);
        };
        // a network that is wrong on the processor too is refused by the self-test, and says nothing of the accelerator
        let Ok(report) = best_of_two(processor.as_mut(), package) else { return Ok(processor) };
        Ok(match self.try_out(accelerator, package, report.per_case) {
            Some(lane) => Box::new(Relieved { lane, processor, watch: self.watch() }),
            None => processor,
        })
    }
}

/// All golden cases twice: the first round warms caches, and the better time counts.
fn best_of_two(model: &mut dyn Model, package: &Package) -> Result<GoldenReport, GoldenFault> {
    let mut round = || golden::check(model, package);
    let (first, second) = (round()?, round()?);
    Ok(GoldenReport { per_case: first.per_case.min(second.per_case), ..second })
}

fn proof(manifest: &Manifest, accelerator: Duration, processor: Duration, whereabouts: Option<&str>) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    format!(
        "{}: {:.1} ms a golden case, {:.1} on the processor; {}",
        manifest.name,
        millis(accelerator),
        millis(processor),
        whereabouts.unwrap_or("where its nodes run is not known")
    )
}

/// A lane as a model, for the golden cases.
struct OnLane(Arc<Lane>);

impl Model for OnLane {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        self.0.ask(image, metadata).map_err(|silence| match silence {
            Silence::Failed(error) => error,
            silence => EngineError::Run(silence.to_string()),
        })
    }

    fn fork(&self) -> Box<dyn Model> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

/// A network on the accelerator with the same network on the processor behind it.
struct Relieved {
    lane: Arc<Lane>,
    processor: Box<dyn Model>,
    watch: Arc<Watch>,
}

impl Model for Relieved {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        if self.watch.is_trusted() {
            match self.lane.ask(image, metadata) {
                Ok(output) => return Ok(output),
                Err(silence) => self.watch.tell(|standing| standing.silent(&silence)),
            }
        }
        self.processor.run(image, metadata)
    }

    fn fork(&self) -> Box<dyn Model> {
        let Self { lane, processor, watch } = self;
        Box::new(Self { lane: Arc::clone(lane), processor: processor.fork(), watch: Arc::clone(watch) })
    }
}
