//! Programs give what their graphs mean.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers in range")]

mod moves;
mod programs;
mod recognised;
pub mod reference;
mod sketch;

use std::sync::Arc;

use proptest::prelude::*;

use crate::inference::int8::graph::{Graph, Outside};
use crate::inference::int8::kernels::Isa;
use crate::inference::int8::lower::lower;
use crate::inference::int8::run::{Given, Runner};
use crate::inference::int8::tests::reference::{Tensor, evaluate};
use crate::inference::int8::tests::sketch::Sketch;

/// Inputs of a graph: whole numbers for bytes, sixteenths for real numbers.
fn inputs(graph: &Graph, seed: u32) -> Vec<Vec<f32>> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(state.to_le_bytes()[3])
    };
    let real = |x: f32| x / 16.0 - 8.0;
    let tensor = |&input: &usize| {
        let value = &graph.values[input];
        let values = (0..value.shape.iter().product::<usize>()).map(|_| random());
        if value.outside == Outside::Float { values.map(real).collect() } else { values.collect() }
    };
    graph.inputs.iter().map(tensor).collect()
}

/// Runs a program; bytes as whole numbers, signed ones with 128 added.
fn run(runner: &mut Runner, graph: &Graph, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let flip = |value: usize| if graph.values[value].outside == Outside::Signed { 0x80 } else { 0 };
    let bytes: Vec<Vec<u8>> = inputs
        .iter()
        .zip(&graph.inputs)
        .map(|(input, &value)| input.iter().map(|&x| x as u8 ^ flip(value)).collect())
        .collect();
    let given = graph.inputs.iter().enumerate().map(|(number, &value)| match graph.values[value].outside {
        Outside::Float => Given::Reals(&inputs[number]),
        _ => Given::Bytes(&bytes[number]),
    });
    runner.run(&given.collect::<Vec<_>>(), None);
    let program = Arc::clone(runner.program());
    let outputs = program.outputs.iter().zip(&graph.outputs).enumerate().map(|(number, (port, &value))| {
        if port.outside == Outside::Float {
            return runner.reals(number).to_vec();
        }
        let mut bytes = vec![0; port.shape.iter().product()];
        runner.bytes(number, &mut bytes);
        bytes.iter().map(|byte| f32::from(byte ^ flip(value))).collect()
    });
    outputs.collect()
}

fn check(graph: &Graph, loose: &[usize], seed: u32) -> Result<(), TestCaseError> {
    let inputs = inputs(graph, seed);
    let wanted: Vec<Tensor> = evaluate(graph, &inputs);
    for isa in [Isa::Scalar, Isa::best()] {
        let program = lower(graph, isa).map_err(|why| TestCaseError::fail(why.to_string()))?;
        let mut runner = Runner::new(Arc::new(program));
        for _ in 0..2 {
            let found = run(&mut runner, graph, &inputs);
            for ((found, wanted), output) in found.iter().zip(&wanted).zip(&graph.outputs) {
                prop_assert_eq!(found.len(), wanted.values.len());
                let allowed = if loose.contains(output) { 1e-3 } else { 0.0 };
                for (at, (a, b)) in found.iter().zip(&wanted.values).enumerate() {
                    prop_assert!((a - b).abs() <= allowed, "{isa:?}, value {output}, {at}: {a} for {b}");
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 2000 }))]
    #[test]
    fn programs_of_any_graph_give_what_it_means(choices in proptest::collection::vec(any::<u16>(), 20..400), seed: u32) {
        let sketch = Sketch::new(&choices);
        check(&sketch.graph, &sketch.loose, seed).map_err(|why| {
            let nodes = sketch.graph.nodes.iter().map(|node| {
                format!("{:?} of {:?} is {} {:?}", node.op, node.inputs, node.output, sketch.graph.values[node.output].shape)
            });
            TestCaseError::fail(format!("{why}\n{}", nodes.collect::<Vec<_>>().join("\n")))
        })?;
    }
}
