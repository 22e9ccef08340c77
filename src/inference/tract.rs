//! The processor engine: ONNX in verified bytes to a tract plan; weights shared, working memory per thread.
//!
//! Never opens a file: a network that points outside its own bytes is refused.

use std::path::PathBuf;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimFact, DimLike, Factoid, GenericFactoid};

use crate::config::Settings;
use crate::inference::int8::kernels::Isa;
use crate::inference::int8::{self, Given, Outside, Port, Program, Runner, Team};
use crate::inference::{Engine, EngineError, Manifest, Model, Package};

/// Runs networks with tract.
#[derive(Clone, Debug)]
pub struct TractEngine {
    /// What becomes of their quantised regions.
    pub quantised: Quantised,
}

/// What becomes of quantised regions.
#[derive(Clone, Debug)]
pub enum Quantised {
    /// The int8 engine runs them.
    Int8(Int8),
    /// tract's own operators run them: for comparison.
    Tract,
    /// Quantisation is left out and tract runs them in single precision: for comparison.
    Reals,
}

/// How the int8 engine runs.
#[derive(Clone, Debug)]
pub struct Int8 {
    /// The instruction set.
    pub isa: Isa,
    /// Threads that share a slice which is analysed alone.
    pub team: Option<Arc<Team>>,
    /// A folder for networks made ready, so that the next start is fast.
    pub prepared: Option<PathBuf>,
}

impl Default for Int8 {
    fn default() -> Self {
        Self { isa: Isa::best(), team: None, prepared: None }
    }
}

impl Default for TractEngine {
    fn default() -> Self {
        Self { quantised: Quantised::Int8(Int8::default()) }
    }
}

type Plan = Arc<TypedRunnableModel>;

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        match self.quantised {
            Quantised::Int8(_) => "int8 on tract",
            Quantised::Tract => "tract",
            Quantised::Reals => "tract float32",
        }
    }

    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        let manifest = &package.manifest;
        let prepared = self.int8().and_then(|int8| {
            let folder = int8.prepared.as_ref()?;
            Some((int8, int8::cache::path(folder, &package.digest, int8.isa)))
        });
        if let Some((int8, path)) = &prepared
            && let Some(program) = int8::cache::read(path, int8.isa)
            && let Some(model) = RegionModel::new(Arc::new(program), manifest, int8.team.clone())
        {
            return Ok(Box::new(model));
        }
        let model = self.typed(package)?;
        if let (Some(int8), Some(program)) = (self.int8(), int8::whole(&model))
            && let Some(model) = RegionModel::new(Arc::clone(&program), manifest, int8.team.clone())
        {
            if let Some((_, path)) = &prepared
                && let Err(error) = int8::cache::write(path, &program)
            {
                tracing::warn!(path = %path.display(), %error, "a prepared network is not kept; the next start is slower");
            }
            return Ok(Box::new(model));
        }
        let model = model.into_decluttered().and_then(TypedModel::into_optimized).map_err(unsupported)?;
        let plan = model.into_runnable().map_err(unsupported)?;
        let state = plan.spawn().map_err(unsupported)?;
        let metadata = manifest.metadata.as_ref().map(|input| input.shape);
        Ok(Box::new(TractModel { plan, state, image: manifest.input.shape, metadata }))
    }
}

impl TractEngine {
    /// As a configured device runs it: its workers help one another, and networks made ready are kept beside its state.
    pub fn of_device(settings: &Settings) -> Self {
        let team = Team::new(settings.models.workers)
            .inspect_err(|error| tracing::warn!(%error, "no threads to share a slice among"))
            .ok();
        let prepared = Some(settings.state.dir.join("prepared"));
        Self { quantised: Quantised::Int8(Int8 { team: team.map(Arc::new), prepared, ..Int8::default() }) }
    }

    /// How the int8 engine runs, if it does.
    pub fn int8(&self) -> Option<&Int8> {
        match &self.quantised {
            Quantised::Int8(int8) => Some(int8),
            Quantised::Tract | Quantised::Reals => None,
        }
    }

    /// The network of a package as tract sees it, its quantised regions replaced, not yet optimised.
    ///
    /// # Errors
    /// When the network cannot be read, keeps values outside the package, or does not have the manifest's shapes.
    pub fn typed(&self, package: &Package) -> Result<TypedModel, EngineError> {
        let manifest = &package.manifest;
        let mut proto = onnx().proto_model_for_read(&mut package.onnx.as_slice()).map_err(unreadable)?;
        if let Some(tensor) = proto.graph.as_ref().and_then(external_tensor) {
            return Err(EngineError::ExternalData(tensor));
        }
        int8::to_qdq(&mut proto);
        if matches!(self.quantised, Quantised::Reals) {
            int8::to_reals(&mut proto);
        }
        // shapes are fixed by the manifest below; those noted inside the graph may still be symbolic
        let onnx = onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
        let model = onnx.model_for_proto_model(&proto).map_err(unreadable)?;
        let model = with_inputs(model, manifest)?;
        let outputs: Vec<&str> = manifest.outputs().map(|(name, _)| name).collect();
        let model = model.with_outputs_by_name(&outputs).map_err(|_| EngineError::Shape {
            what: "output".to_owned(),
            found: format!("{:?}", proto.graph.iter().flat_map(|g| &g.output).map(|o| &o.name).collect::<Vec<_>>()),
            wanted: outputs.join(", "),
        })?;
        let mut model = model.into_typed().map_err(unsupported)?;
        check_outputs(&model, manifest)?;
        if let Some(int8) = self.int8() {
            for reason in int8::replace(&mut model, int8.isa, int8.team.as_ref()).map_err(unsupported)? {
                tracing::info!(network = %manifest.name, reason, "a quantised node is left to tract");
            }
        }
        Ok(model)
    }
}

impl TractEngine {
    /// Runs a package's first golden case `rounds` times (zeros where it has none) and tells of each layer.
    ///
    /// # Errors
    /// As [`Engine::load`], and when the network does not run.
    pub fn explain(&self, package: &Package, rounds: usize) -> Result<Vec<int8::Layer>, EngineError> {
        let manifest = &package.manifest;
        let model =
            self.typed(package)?.into_decluttered().and_then(TypedModel::into_optimized).map_err(unsupported)?;
        let plan = model.into_runnable().map_err(unsupported)?;
        let case = package.golden.first();
        let filled = |values: Option<Vec<f32>>, shape: &[usize]| {
            let values = values.unwrap_or_else(|| vec![0.0; shape.iter().product()]);
            Tensor::from_shape(shape, &values).map(TValue::from).map_err(run_failed)
        };
        let image = case.map(|case| manifest.preprocessing.normalised(&case.image));
        let mut inputs: TVec<TValue> = tvec!(filled(image, &manifest.input.shape)?);
        if let Some(metadata) = &manifest.metadata {
            inputs.push(filled(case.and_then(|case| case.metadata.clone()), &metadata.shape)?);
        }
        int8::explain(&plan, &inputs, rounds).map_err(run_failed)
    }
}

/// A network that is one region of the int8 engine.
struct RegionModel {
    runner: Runner,
    team: Option<Arc<Team>>,
    lengths: [usize; 2],
}

impl RegionModel {
    /// `None` if the program is not that of the manifest.
    fn new(program: Arc<Program>, manifest: &Manifest, team: Option<Arc<Team>>) -> Option<Self> {
        let image = manifest.input.shape.to_vec();
        let metadata = manifest.metadata.as_ref().map(|input| input.shape.to_vec());
        let lengths = [image.iter().product(), metadata.as_ref().map_or(0, |shape| shape.iter().product())];
        let wanted: Vec<Vec<usize>> = std::iter::once(image).chain(metadata).collect();
        let float = |port: &Port| port.outside == Outside::Float;
        let inputs = program.inputs.iter().map(|port| &port.shape).eq(&wanted) && program.inputs.iter().all(float);
        let [output] = program.outputs.as_slice() else { return None };
        let fits = inputs && output.shape == manifest.output.shape && float(output);
        fits.then(|| Self { runner: Runner::new(program), team, lengths })
    }
}

impl Model for RegionModel {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        if [image.len(), metadata.map_or(0, <[f32]>::len)] != self.lengths {
            return Err(EngineError::Run("inputs against the manifest".to_owned()));
        }
        let given = [Some(image), metadata].into_iter().flatten().map(Given::Reals);
        let given: heapless::Vec<Given<'_>, 2> = given.collect();
        self.runner.run(&given, self.team.as_deref());
        finite(self.runner.reals(0).to_vec())
    }

    fn fork(&self) -> Box<dyn Model> {
        let Self { runner, team, lengths } = self;
        Box::new(Self { runner: Runner::new(Arc::clone(runner.program())), team: team.clone(), lengths: *lengths })
    }
}

/// A network that tract runs, with regions of the int8 engine in it where it has some.
struct TractModel {
    plan: Plan,
    state: TypedSimpleState,
    image: [usize; 4],
    metadata: Option<[usize; 2]>,
}

impl Model for TractModel {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        let result = self.run_once(image, metadata);
        if result.is_err() {
            // values of a broken run must not reach the next one
            self.state = self.plan.spawn().map_err(run_failed)?;
        }
        finite(result.map_err(run_failed)?)
    }

    fn fork(&self) -> Box<dyn Model> {
        let Self { plan, image, metadata, .. } = self;
        Box::new(Self { plan: plan.clone(), state: self.state.clone(), image: *image, metadata: *metadata })
    }
}

fn finite(output: Vec<f32>) -> Result<Vec<f32>, EngineError> {
    match output.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(EngineError::Output(format!("{value} as an output"))),
        None => Ok(output),
    }
}

impl TractModel {
    fn run_once(&mut self, image: &[f32], metadata: Option<&[f32]>) -> TractResult<Vec<f32>> {
        let mut inputs: TVec<TValue> = tvec!(Tensor::from_shape(&self.image, image)?.into());
        match (self.metadata, metadata) {
            (Some(shape), Some(values)) => inputs.push(Tensor::from_shape(&shape, values)?.into()),
            (None, None) => {}
            _ => return Err(TractError::msg("metadata given or missing against the manifest")),
        }
        let mut values = Vec::new();
        for output in self.state.run(inputs)? {
            values.extend_from_slice(output.try_as_plain_ram()?.as_slice::<f32>()?);
        }
        Ok(values)
    }
}

/// Puts the inputs into the manifest's order and fixes their shapes.
fn with_inputs(model: InferenceModel, manifest: &Manifest) -> Result<InferenceModel, EngineError> {
    let mut wanted = vec![(manifest.input.name.as_str(), manifest.input.shape.to_vec())];
    wanted.extend(manifest.metadata.as_ref().map(|input| (input.name.as_str(), input.shape.to_vec())));
    let outlets = model.input_outlets().map_err(unreadable)?.to_vec();
    let mut found: Vec<&str> = outlets.iter().map(|outlet| model.node(outlet.node).name.as_str()).collect();
    let mut names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    names.sort_unstable();
    if found != names {
        let (found, wanted) = (format!("{found:?}"), format!("{names:?}"));
        return Err(EngineError::Shape { what: "list of inputs".to_owned(), found, wanted });
    }
    let mut model = model.with_inputs_by_name(wanted.iter().map(|(name, _)| name)).map_err(unreadable)?;
    for (index, (name, shape)) in wanted.iter().enumerate() {
        let declared = model.input_fact(index).map_err(unreadable)?;
        if !allows(declared, shape) {
            let what = format!("input {name}");
            return Err(EngineError::Shape { what, found: format!("{declared:?}"), wanted: format!("f32 {shape:?}") });
        }
        model.set_input_fact(index, f32::fact(shape).into()).map_err(unreadable)?;
    }
    Ok(model)
}

/// Whether a declared input can have this shape: numbers must agree, symbols and unknowns may be anything.
fn allows(declared: &InferenceFact, shape: &[usize]) -> bool {
    let number = |dim: &DimFact| match dim {
        GenericFactoid::Only(dim) => dim.to_usize().ok(),
        GenericFactoid::Any => None,
    };
    let ranks_agree = declared.shape.is_open() || declared.shape.dims().count() == shape.len();
    let type_agrees = declared.datum_type.concretize().is_none_or(|kind| kind == f32::datum_type());
    let mut dims = declared.shape.dims().zip(shape);
    type_agrees && ranks_agree && dims.all(|(dim, &wanted)| number(dim).is_none_or(|found| found == wanted))
}

fn check_outputs(model: &TypedModel, manifest: &Manifest) -> Result<(), EngineError> {
    for (index, (name, wanted)) in manifest.outputs().enumerate() {
        let fact = model.output_fact(index).map_err(unsupported)?;
        if fact.datum_type != f32::datum_type() || fact.shape.as_concrete() != Some(wanted) {
            return Err(EngineError::Shape {
                what: format!("output {name}"),
                found: format!("{fact:?}"),
                wanted: format!("f32 {wanted:?}"),
            });
        }
    }
    Ok(())
}

/// The first tensor, in this graph or one nested in it, that lives in another file.
fn external_tensor(graph: &pb::GraphProto) -> Option<String> {
    let external = |tensor: &pb::TensorProto| {
        let elsewhere = pb::tensor_proto::DataLocation::External as i32;
        let outside = tensor.data_location == Some(elsewhere) || !tensor.external_data.is_empty();
        outside.then(|| tensor.name.clone())
    };
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let in_attributes = attributes().flat_map(|a| a.t.iter().chain(&a.tensors));
    let nested = attributes().flat_map(|a| a.g.iter().chain(&a.graphs));
    graph
        .initializer
        .iter()
        .chain(in_attributes)
        .find_map(external)
        .or_else(|| nested.into_iter().find_map(external_tensor))
}

fn unreadable(error: TractError) -> EngineError {
    EngineError::Unreadable(causes(&error))
}

fn unsupported(error: TractError) -> EngineError {
    EngineError::Unsupported(causes(&error))
}

fn run_failed(error: TractError) -> EngineError {
    EngineError::Run(causes(&error))
}

/// The chain of causes on one line, cut to a length that a screen and a log can bear.
fn causes(error: &TractError) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
