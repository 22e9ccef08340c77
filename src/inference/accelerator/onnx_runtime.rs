//! ONNX Runtime with one execution provider: verified bytes to a session that has run once.
//!
//! The library is opened on the first use and stays open. It is loaded from the configured path only, and is told to
//! send no telemetry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use super::placement::Placement;
use crate::config::Provider;
use crate::inference::{Engine, EngineError, Manifest, Model, Package};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct OnnxRuntime {
    /// `libonnxruntime.so`.
    pub library: PathBuf,
    /// What runs the networks.
    pub provider: Provider,
    /// Its own options.
    pub options: BTreeMap<String, String>,
    /// For what the provider leaves to the processor.
    pub threads: usize,
}

/// One session for all threads: they take turns.
struct OrtModel {
    session: Arc<Mutex<Session>>,
    manifest: Arc<Manifest>,
    whereabouts: Option<String>,
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    /// External data is not looked for: the processor's engine has refused such a network before.
    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        let folder = tempfile::tempdir().map_err(|error| unsupported(&error))?;
        let environment = environment(&self.library).map_err(|why| unsupported(&why))?;
        let session = self.session(&environment, package, &folder.path().join("profile"));
        let session = session.map_err(|error| unsupported(&error))?;
        check_names(&session, &package.manifest)?;
        let session = Arc::new(Mutex::new(session));
        let mut model = OrtModel { session, manifest: Arc::new(package.manifest.clone()), whereabouts: None };
        model.warm_up()?;
        let placement = model.placement();
        if placement.as_ref().is_some_and(|placement| !placement.uses(canonical(self.provider))) {
            let why = format!("{} takes no node of the network", canonical(self.provider));
            return Err(EngineError::Unsupported(why));
        }
        model.whereabouts = placement.map(|placement| placement.to_string());
        Ok(Box::new(model))
    }
}

impl OnnxRuntime {
    fn session(&self, environment: &Environment, package: &Package, profile: &Path) -> Result<Session, ort::Error> {
        let providers: Vec<_> = self.dispatch().map(ExecutionProviderDispatch::error_on_failure).into_iter().collect();
        Session::builder(environment)?
            .with_execution_providers(providers)?
            .with_intra_threads(self.threads)?
            .with_intra_op_spinning(false)?
            .with_profiling(profile)?
            .commit_from_memory(&package.onnx)
    }

    /// The provider with its options; none for the processor, which is always there.
    fn dispatch(&self) -> Option<ExecutionProviderDispatch> {
        Some(match self.provider {
            Provider::Cpu => return None,
            Provider::Acl => {
                let fast = self.options.get("enable_fast_math").is_some_and(|value| value == "true" || value == "1");
                ep::ACL::default().with_fast_math(fast).build()
            }
            Provider::Cuda => self.configured(ep::CUDA::default()),
            Provider::Openvino => self.configured(ep::OpenVINO::default()),
            Provider::Qnn => self.configured(ep::QNN::default()),
            Provider::Rknpu => ep::RKNPU::default().build(),
            Provider::Tensorrt => self.configured(ep::TensorRT::default()),
            Provider::Vsinpu => ep::VSINPU.build(),
            Provider::Xnnpack => self.configured(ep::XNNPACK::default()),
        })
    }

    fn configured<P>(&self, provider: P) -> ExecutionProviderDispatch
    where
        P: ArbitrarilyConfigurableExecutionProvider + Into<ExecutionProviderDispatch>,
    {
        self.options.iter().fold(provider, |provider, (key, value)| provider.with_arbitrary_config(key, value)).into()
    }
}

impl Model for OrtModel {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        let Manifest { input, metadata: beside, .. } = &*self.manifest;
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::new();
        inputs.push((&input.name, TensorRef::from_array_view((input.shape, image)).map_err(failed)?.into()));
        match (beside, metadata) {
            (Some(input), Some(values)) => {
                inputs.push((&input.name, TensorRef::from_array_view((input.shape, values)).map_err(failed)?.into()));
            }
            (None, None) => {}
            _ => return Err(EngineError::Run("metadata given or missing against the manifest".to_owned())),
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs).map_err(failed)?;
        let mut all = Vec::new();
        for (name, wanted) in self.manifest.outputs() {
            let (shape, values) = outputs[name].try_extract_tensor::<f32>().map_err(failed)?;
            if !shape.iter().copied().eq(wanted.iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX))) {
                let (found, wanted) = (format!("{shape:?}"), format!("{wanted:?}"));
                return Err(EngineError::Shape { what: format!("output {name}"), found, wanted });
            }
            all.extend_from_slice(values);
        }
        match all.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(EngineError::Output(format!("{value} as an output"))),
            None => Ok(all),
        }
    }

    fn fork(&self) -> Box<dyn Model> {
        let Self { session, manifest, whereabouts } = self;
        let (session, manifest) = (Arc::clone(session), Arc::clone(manifest));
        Box::new(Self { session, manifest, whereabouts: whereabouts.clone() })
    }

    fn whereabouts(&self) -> Option<String> {
        self.whereabouts.clone()
    }
}

impl OrtModel {
    /// Some providers compile or tune on the first run, which must not count as the time of a slice.
    fn warm_up(&mut self) -> Result<(), EngineError> {
        let image = vec![0.0; self.manifest.input.shape.iter().product()];
        let metadata = self.manifest.metadata.as_ref().map(|input| vec![0.0; input.shape.iter().product()]);
        self.run(&image, metadata.as_deref()).map(drop)
    }

    /// Ends the profile, so that no later run is slowed down by it.
    fn placement(&self) -> Option<Placement> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = session.end_profiling().ok()?;
        Placement::read(&std::fs::read_to_string(profile).ok()?)
    }
}

/// The process's one environment: ONNX Runtime allows no second, nor a second library.
fn environment(library: &Path) -> Result<Environment, String> {
    static OPENED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, environment)) = &*opened {
        let same = path == library;
        return if same { Ok(environment.clone()) } else { Err(format!("{} is loaded already", path.display())) };
    }
    // no error of `ort` can be made before the library is there: the runtime itself makes them
    let builder = ort::init_from(library).map_err(|error| error.to_string())?;
    let environment = builder.with_name("spinewatch").with_telemetry(false).build();
    let environment = environment.map_err(|error| error.to_string())?;
    *opened = Some((library.to_owned(), environment.clone()));
    Ok(environment)
}

/// The network must have the manifest's inputs and output; their sizes are proven by the first run.
fn check_names(session: &Session, manifest: &Manifest) -> Result<(), EngineError> {
    let beside = manifest.metadata.as_ref().map(|input| input.name.as_str());
    let mut wanted: Vec<&str> = std::iter::once(manifest.input.name.as_str()).chain(beside).collect();
    let mut found: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    if found != wanted {
        let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
        return Err(EngineError::Shape { what: "list of inputs".to_owned(), found, wanted });
    }
    let found: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
    if let Some((missing, _)) = manifest.outputs().find(|(name, _)| !found.contains(name)) {
        let (found, wanted) = (format!("{found:?}"), missing.to_owned());
        return Err(EngineError::Shape { what: "output".to_owned(), found, wanted });
    }
    Ok(())
}

/// As ONNX Runtime's profile names it.
const fn canonical(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => "CPUExecutionProvider",
        Provider::Acl => "ACLExecutionProvider",
        Provider::Cuda => "CUDAExecutionProvider",
        Provider::Openvino => "OpenVINOExecutionProvider",
        Provider::Qnn => "QNNExecutionProvider",
        Provider::Rknpu => "RknpuExecutionProvider",
        Provider::Tensorrt => "TensorrtExecutionProvider",
        Provider::Vsinpu => "VSINPUExecutionProvider",
        Provider::Xnnpack => "XnnpackExecutionProvider",
    }
}

fn unsupported(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Unsupported(in_one_line(error))
}

fn failed(error: ort::Error) -> EngineError {
    EngineError::Run(in_one_line(&error))
}

/// One line of a length that a screen and a log can bear.
fn in_one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
