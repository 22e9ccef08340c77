//! The processor engine: ONNX in verified bytes to a tract plan; weights shared, working memory per thread.
//!
//! Never opens a file: a network that points outside its own bytes is refused.

use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimFact, DimLike, Factoid, GenericFactoid};

use crate::inference::int8::{self, kernels::Isa};
use crate::inference::{Engine, EngineError, Manifest, Model, Package};

/// Runs networks with tract, one thread per image; their quantised regions with the int8 engine.
#[derive(Clone, Copy, Debug)]
pub struct TractEngine {
    /// The instruction set of the int8 engine; without one, tract runs everything.
    pub int8: Option<Isa>,
}

impl Default for TractEngine {
    fn default() -> Self {
        Self { int8: Some(Isa::best()) }
    }
}

type Plan = Arc<TypedRunnableModel>;

struct TractModel {
    plan: Plan,
    state: TypedSimpleState,
    image: [usize; 4],
    metadata: Option<[usize; 2]>,
}

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError> {
        let manifest = &package.manifest;
        let mut proto = onnx().proto_model_for_read(&mut package.onnx.as_slice()).map_err(unreadable)?;
        if let Some(tensor) = proto.graph.as_ref().and_then(external_tensor) {
            return Err(EngineError::ExternalData(tensor));
        }
        int8::to_qdq(&mut proto);
        // shapes are fixed by the manifest below; those noted inside the graph may still be symbolic
        let onnx = onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
        let model = onnx.model_for_proto_model(&proto).map_err(unreadable)?;
        let model = with_inputs(model, manifest)?;
        let model = model.with_outputs_by_name([&manifest.output.name]).map_err(|_| EngineError::Shape {
            what: "output".to_owned(),
            found: format!("{:?}", proto.graph.iter().flat_map(|g| &g.output).map(|o| &o.name).collect::<Vec<_>>()),
            wanted: manifest.output.name.clone(),
        })?;
        let mut model = model.into_typed().map_err(unsupported)?;
        if let Some(isa) = self.int8 {
            for reason in int8::replace(&mut model, isa).map_err(unsupported)? {
                tracing::info!(network = %manifest.name, reason, "a quantised node is left to tract");
            }
        }
        let model = model.into_decluttered().and_then(TypedModel::into_optimized).map_err(unsupported)?;
        check_output(&model, manifest)?;
        let plan = model.into_runnable().map_err(unsupported)?;
        let state = plan.spawn().map_err(unsupported)?;
        let metadata = manifest.metadata.as_ref().map(|input| input.shape);
        Ok(Box::new(TractModel { plan, state, image: manifest.input.shape, metadata }))
    }
}

impl Model for TractModel {
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError> {
        let result = self.run_once(image, metadata);
        if result.is_err() {
            // values of a broken run must not reach the next one
            self.state = self.plan.spawn().map_err(run_failed)?;
        }
        let output = result.map_err(run_failed)?;
        match output.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(EngineError::Output(format!("{value} as an output"))),
            None => Ok(output),
        }
    }

    fn fork(&self) -> Box<dyn Model> {
        let Self { plan, image, metadata, .. } = self;
        Box::new(Self { plan: plan.clone(), state: self.state.clone(), image: *image, metadata: *metadata })
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
        let outputs = self.state.run(inputs)?;
        let output = outputs.first().ok_or_else(|| TractError::msg("no output"))?;
        Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
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

fn check_output(model: &TypedModel, manifest: &Manifest) -> Result<(), EngineError> {
    let fact = model.output_fact(0).map_err(unsupported)?;
    let wanted = &manifest.output.shape;
    if fact.datum_type == f32::datum_type() && fact.shape.as_concrete() == Some(wanted.as_slice()) {
        return Ok(());
    }
    Err(EngineError::Shape {
        what: format!("output {}", manifest.output.name),
        found: format!("{fact:?}"),
        wanted: format!("f32 {wanted:?}"),
    })
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
