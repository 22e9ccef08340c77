//! What runs where in a prepared network, and how long it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;

use crate::inference::int8::operator::{Region, State};

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Layer {
    /// As in the file; of several nodes in one step the last.
    pub name: String,
    /// Whether the int8 engine runs it, or tract.
    pub int8: bool,
    /// What it does.
    pub kind: String,
    /// Extents of the result.
    pub shape: Vec<usize>,
    /// Products that it sums (0 where tract runs it: not counted there).
    pub macs: usize,
    /// The median of all rounds.
    pub time: Duration,
}

impl Layer {
    /// 10^9 products per second.
    pub fn gmacs(&self) -> f64 {
        self.macs as f64 / self.time.as_secs_f64().max(1e-9) / 1e9
    }
}

/// Runs a network `rounds` times and tells of each layer.
///
/// # Errors
/// When the network does not run on these inputs.
pub fn explain(plan: &Arc<TypedRunnableModel>, inputs: &TVec<TValue>, rounds: usize) -> TractResult<Vec<Layer>> {
    let mut state = plan.spawn()?;
    let mut layers: Vec<(Layer, Vec<Duration>)> = Vec::new();
    for round in 0..rounds.max(1) {
        let mut number = 0;
        let mut note = |layer: &dyn Fn() -> Layer, time: Duration| {
            if round == 0 {
                layers.push((layer(), Vec::new()));
            }
            layers[number].1.push(time);
            number += 1;
        };
        state.run_plan_with_eval(inputs.clone(), |context, state, node, inputs| -> TractResult<TVec<TValue>> {
            let region = node.op.as_op().downcast_ref::<Region>();
            let (of_region, state) = match state {
                Some(state) if region.is_some() => (state.downcast_mut::<State>(), None),
                state => (None, state),
            };
            if let (Some(region), Some(state)) = (region, of_region) {
                let steps = &region.program().steps;
                return state.watch(&inputs, |step, run| {
                    let begin = Instant::now();
                    run();
                    let time = begin.elapsed();
                    let step = &steps[step];
                    let (name, kind) = (step.name.clone(), step.work.kind().to_owned());
                    let shape = step.work.writes().shape.clone();
                    let layer = || Layer {
                        name: name.clone(),
                        int8: true,
                        kind: kind.clone(),
                        shape: shape.clone(),
                        macs: step.macs,
                        time,
                    };
                    note(&layer, time);
                });
            }
            let begin = Instant::now();
            let outputs = tract_onnx::tract_core::plan::eval(context, state, node, inputs)?;
            let time = begin.elapsed();
            let shape = outputs.first().map(|output| output.shape().to_vec()).unwrap_or_default();
            let (name, kind) = (node.name.clone(), node.op.name().into_owned());
            note(
                &|| Layer { name: name.clone(), int8: false, kind: kind.clone(), shape: shape.clone(), macs: 0, time },
                time,
            );
            Ok(outputs)
        })?;
    }
    Ok(layers
        .into_iter()
        .map(|(layer, mut times)| {
            times.sort_unstable();
            Layer { time: times[times.len() / 2], ..layer }
        })
        .collect())
}
