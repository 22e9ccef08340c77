//! Programs on disk, shared among threads, and at the edges of what a graph can be.

use std::fs;

use super::*;
use crate::inference::int8::cache;
use crate::inference::int8::graph::{Binary, Convolve, Node, Op, Steps, Unary, ValueId, Weights, Window};
use crate::inference::int8::program::Program;
use crate::inference::int8::team::Team;

const STEPS: Steps = Steps { scale: 0.0625, zero: 128 };

fn add(graph: &mut Graph, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
    let output = graph.add_value(shape, None);
    graph.nodes.push(Node { name: graph.nodes.len().to_string(), op, inputs: inputs.to_vec(), output });
    output
}

/// A graph of one input, quantised.
fn quantised(shape: &[usize]) -> (Graph, ValueId) {
    let mut graph = Graph::default();
    let input = graph.add_value(shape, None);
    graph.inputs.push(input);
    let bytes = add(&mut graph, Op::Quantise(STEPS), &[input], shape);
    let real = add(&mut graph, Op::Dequantise(STEPS), &[bytes], shape);
    (graph, real)
}

/// A convolution that is worth sharing, clipped on one side.
fn convolution(channels: usize, size: usize) -> Graph {
    let shape = [1, channels, size, size];
    let (mut graph, input) = quantised(&shape);
    let window = Window { kernel: [3, 3], stride: [1, 1], pad: [1, 1], dilation: [1, 1] };
    let values = (0..channels * channels * 9).map(|number| (number * 7 % 31) as i8 - 15).collect();
    let weights = Arc::new(Weights { values, scale: vec![0.015_625; channels] });
    let convolve = Convolve { weights, bias: vec![0.5; channels], groups: 1, window };
    let sums = add(&mut graph, Op::Convolve(convolve), &[input], &shape);
    let bound = graph.add_value(&[1, 1, 1, 1], Some(Arc::new(vec![f32::INFINITY])));
    let clipped = add(&mut graph, Op::Binary(Binary::Minimum), &[sums, bound], &shape);
    let sum = add(&mut graph, Op::Binary(Binary::Add), &[clipped, input], &shape);
    graph.outputs.push(sum);
    graph
}

fn program(graph: &Graph, isa: Isa) -> Arc<Program> {
    Arc::new(lower(graph, isa).unwrap())
}

#[test]
fn what_is_written_is_read_back_and_runs_the_same() {
    let (folder, graph) = (tempfile::tempdir().unwrap(), convolution(5, 6));
    let inputs = inputs(&graph, 3);
    for isa in Isa::available() {
        let path = cache::path(folder.path(), "digest", isa);
        assert!(cache::read(&path, isa).is_none());
        let made = program(&graph, isa);
        cache::write(&path, &made).unwrap();
        let read = Arc::new(cache::read(&path, isa).unwrap());
        let [made, read] = [made, read].map(|program| run(&mut Runner::new(program), &graph, &inputs));
        assert_eq!(made, read);
        assert!(Isa::available().into_iter().all(|other| (other == isa) == cache::read(&path, other).is_some()));
    }
}

#[test]
fn damaged_programs_are_not_used() {
    let (folder, graph) = (tempfile::tempdir().unwrap(), convolution(2, 2));
    let path = cache::path(folder.path(), "digest", Isa::Scalar);
    cache::write(&path, &program(&graph, Isa::Scalar)).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (0..60).chain((60..whole.len()).step_by(97)) {
        fs::write(&path, &whole[..at]).unwrap();
        assert!(cache::read(&path, Isa::Scalar).is_none(), "cut at {at}");
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        fs::write(&path, altered).unwrap();
        assert!(cache::read(&path, Isa::Scalar).is_none(), "altered at {at}");
    }
    fs::write(&path, whole).unwrap();
    assert!(cache::read(&path, Isa::Scalar).is_some());
}

#[test]
fn a_team_gives_the_same_bits() {
    let graph = convolution(48, 24);
    let inputs = inputs(&graph, 5);
    let made = program(&graph, Isa::best());
    let alone = run(&mut Runner::new(Arc::clone(&made)), &graph, &inputs);
    let team = Team::new(2).unwrap();
    // one run that is shared, then several at once
    for threads in [1, 3] {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut runner = Runner::new(Arc::clone(&made));
                    for _ in 0..20 {
                        runner.run(&[Given::Reals(&inputs[0])], Some(&team));
                        assert_eq!(runner.reals(0), alone[0]);
                    }
                });
            }
        });
    }
}

#[test]
fn channels_without_weights_keep_their_bias() {
    let (mut graph, input) = quantised(&[1, 1, 2, 2]);
    let window = Window { kernel: [1, 1], stride: [1, 1], pad: [0, 0], dilation: [1, 1] };
    // no weights, and weights that vanish beside the bias
    let weights = Arc::new(Weights { values: vec![0, 100], scale: vec![1.0, 1e-12] });
    let convolve = Convolve { weights, bias: vec![0.3, -0.7], groups: 1, window };
    let output = add(&mut graph, Op::Convolve(convolve), &[input], &[1, 2, 2, 2]);
    graph.outputs.push(output);
    let inputs = inputs(&graph, 1);
    for isa in Isa::available() {
        let found = run(&mut Runner::new(program(&graph, isa)), &graph, &inputs);
        for (found, wanted) in found[0].iter().zip([0.3_f32, 0.3, 0.3, 0.3, -0.7, -0.7, -0.7, -0.7]) {
            assert!((found - wanted).abs() < 1e-6, "{isa:?}: {found} for {wanted}");
        }
    }
}

#[test]
fn numbers_alone_are_tensors() {
    let (mut graph, _) = quantised(&[1, 2, 2]);
    let number = graph.add_value(&[1, 2, 3], Some(Arc::new(vec![0.5; 6])));
    let half = add(&mut graph, Op::Unary(Unary::Negate), &[number], &[1, 2, 3]);
    let bytes = add(&mut graph, Op::Quantise(STEPS), &[half], &[1, 2, 3]);
    let real = add(&mut graph, Op::Dequantise(STEPS), &[bytes], &[1, 2, 3]);
    let joined = add(&mut graph, Op::Concat(1), &[real, number], &[1, 4, 3]);
    graph.outputs.extend([half, joined, number]);
    check(&graph, &[], 1).unwrap();
}

#[test]
fn sums_of_themselves_do_not_grow_without_end() {
    let shape = [1, 3, 4];
    let (mut graph, mut sum) = quantised(&shape);
    let input = graph.inputs[0];
    let other = add(&mut graph, Op::Permute(vec![0, 1, 2]), &[input], &shape);
    sum = add(&mut graph, Op::Binary(Binary::Subtract), &[sum, other], &shape);
    for _ in 0..60 {
        let magnitude = add(&mut graph, Op::Unary(Unary::Abs), &[sum], &shape);
        sum = add(&mut graph, Op::Binary(Binary::Subtract), &[sum, magnitude], &shape);
    }
    graph.outputs.push(sum);
    check(&graph, &[], 1).unwrap();
}

#[test]
fn tensors_without_values_are_refused() {
    let (mut graph, input) = quantised(&[1, 2, 2]);
    let none = add(&mut graph, Op::Slice { axis: 1, start: 0 }, &[input], &[1, 0, 2]);
    graph.outputs.push(none);
    assert!(lower(&graph, Isa::Scalar).is_err());
}
