//! Promises of the rewrite: names stay, scales land where they belong, and the float form computes the same.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use tract_onnx::prelude::*;

use super::*;
use crate::inference::npy;

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> pb::TensorProto {
    let (dims, float_data) = (dims.to_vec(), values.to_vec());
    pb::TensorProto { name: name.to_owned(), data_type: DataType::Float as i32, dims, float_data, ..Default::default() }
}

fn integers(name: &str, dims: &[i64], kind: DataType) -> pb::TensorProto {
    pb::TensorProto { data_type: kind as i32, ..tensor(name, dims, &[]) }
}

fn attribute(name: &str, i: i64, f: f32) -> pb::AttributeProto {
    pb::AttributeProto { name: name.to_owned(), i, f, ..Default::default() }
}

/// One node between `x` and `y` with the scales and shapes that the tests use.
fn network(op_type: &str, inputs: &str, attributes: &[pb::AttributeProto]) -> pb::ModelProto {
    let domain = if ["QLinearConv", "QLinearMatMul"].contains(&op_type) { "" } else { CONTRIBUTED };
    let node = pb::NodeProto {
        op_type: op_type.to_owned(),
        domain: domain.to_owned(),
        name: "node".to_owned(),
        input: inputs.split(' ').map(|name| name.trim_matches('_').to_owned()).collect(),
        output: vec!["y".to_owned()],
        attribute: attributes.to_vec(),
        ..Default::default()
    };
    let initializer = vec![
        tensor("s", &[], &[0.5]),
        tensor("t", &[], &[0.25]),
        tensor("many", &[3], &[1.0, 2.0, 4.0]),
        integers("z", &[], DataType::Uint8),
        integers("w", &[3, 3], DataType::Int8),
        integers("b", &[3], DataType::Int32),
    ];
    let graph = pb::GraphProto { node: vec![node], initializer, ..Default::default() };
    let import = |domain: &str, version| pb::OperatorSetIdProto { domain: domain.to_owned(), version };
    pb::ModelProto {
        graph: Some(graph),
        opset_import: vec![import("", 17), import(CONTRIBUTED, 1)],
        ..Default::default()
    }
}

/// `operator(inputs) -> output` of every node after the rewrite.
fn rewritten(proto: &mut pb::ModelProto) -> Vec<String> {
    to_qdq(proto);
    let graph = proto.graph.as_ref().unwrap();
    graph.node.iter().map(|n| format!("{}({}) -> {}", n.op_type, n.input.join(" "), n.output.join(" "))).collect()
}

fn node<'a>(proto: &'a pb::ModelProto, op_type: &str) -> &'a pb::NodeProto {
    proto.graph.as_ref().unwrap().node.iter().find(|node| node.op_type == op_type).unwrap()
}

#[test]
fn a_convolution_keeps_its_attributes_and_its_bias_gets_a_scale_per_channel() {
    let mut proto = network("QLinearConv", "x s z w many z t z b", &[attribute("group", 1, 0.0)]);
    let found = rewritten(&mut proto);
    assert_eq!(
        found,
        [
            "DequantizeLinear(x s z) -> x/float/0",
            "DequantizeLinear(w many z) -> w/float/1",
            "DequantizeLinear(b y/bias_scale) -> b/float/2",
            "Conv(x/float/0 w/float/1 b/float/2) -> y/float",
            "QuantizeLinear(y/float t z) -> y",
        ]
    );
    assert_eq!(integer(node(&proto, "Conv"), "group"), Some(1));
    let graph = proto.graph.as_ref().unwrap();
    let axes: Vec<_> = graph.node[..3].iter().map(|node| integer(node, "axis")).collect();
    assert_eq!(axes, [None, Some(0), Some(0)]);
    assert_eq!(graph.initializer.last().unwrap().float_data, [0.5, 1.0, 2.0]);
    assert_eq!(proto.opset_import.len(), 1, "nothing contributed is left");
}

#[test]
fn columns_of_matrices_have_their_own_scales() {
    let mut product = network("QLinearMatMul", "x s z w many z t z", &[]);
    rewritten(&mut product);
    assert_eq!(integer(&product.graph.unwrap().node[1], "axis"), Some(1));
    for (transposed, axis) in [(0, 1), (1, 0)] {
        let attributes = [attribute("transB", transposed, 0.0), attribute("alpha", 0, 3.0)];
        let mut gemm = network("QGemm", "x s z w many z b t z", &attributes);
        rewritten(&mut gemm);
        assert_eq!(integer(&gemm.graph.as_ref().unwrap().node[1], "axis"), Some(axis));
        assert_eq!(gemm.graph.unwrap().initializer.last().unwrap().float_data, [1.5, 3.0, 6.0]);
    }
}

#[test]
fn a_gemm_without_a_scale_of_its_own_gives_floats() {
    let mut proto = network("QGemm", "x s z w many z", &[]);
    assert_eq!(rewritten(&mut proto)[2], "Gemm(x/float/0 w/float/1) -> y");
}

#[test]
fn every_operator_finds_its_operands() {
    let cases = [
        ("QLinearAdd", "x s z w t z t z", "Add(x/float/0 w/float/1) -> y/float"),
        ("QLinearMul", "x s z x s z t z", "Mul(x/float/0 x/float/0) -> y/float"),
        ("QLinearSigmoid", "x s z t z", "Sigmoid(x/float/0) -> y/float"),
        ("QLinearLeakyRelu", "x s _ t z", "LeakyRelu(x/float/0) -> y/float"),
        ("QLinearConcat", "t z x s z w t z", "Concat(x/float/0 w/float/1) -> y/float"),
        ("QLinearAveragePool", "x s z t z", "AveragePool(x/float/0) -> y/float"),
        ("QLinearGlobalAveragePool", "x s z t z", "GlobalAveragePool(x/float/0) -> y/float"),
        ("QLinearReduceMean", "x s z t z", "ReduceMean(x/float/0) -> y/float"),
        ("QLinearSoftmax", "x s z t z", "Softmax(x/float/0) -> y/float"),
    ];
    for (op_type, inputs, float) in cases {
        let attributes = [attribute("opset", 17, 0.0), attribute("channels_last", 0, 0.0), attribute("axis", -1, 0.0)];
        let mut proto = network(op_type, inputs, &attributes);
        let found = rewritten(&mut proto);
        assert_eq!(found[found.len() - 2..], [float, "QuantizeLinear(y/float t z) -> y"]);
        let kept: Vec<_> =
            proto.graph.unwrap().node[found.len() - 2].attribute.iter().map(|a| a.name.clone()).collect();
        assert_eq!(kept, ["axis"]);
    }
}

#[test]
fn operators_that_move_values_work_on_floats_too() {
    let mut proto = network("QLinearSigmoid", "x s z t z", &[]);
    let moved = |op_type: &str, from: &str, to: &str| pb::NodeProto {
        op_type: op_type.to_owned(),
        input: vec![from.to_owned()],
        output: to.split(' ').map(str::to_owned).collect(),
        ..Default::default()
    };
    let nodes = [moved("MaxPool", "y", "pooled"), moved("Split", "pooled", "a b"), moved("Flatten", "elsewhere", "c")];
    proto.graph.as_mut().unwrap().node.extend(nodes);
    assert_eq!(
        rewritten(&mut proto)[3..],
        [
            "DequantizeLinear(y t z) -> y/float/1",
            "MaxPool(y/float/1) -> pooled/float",
            "QuantizeLinear(pooled/float t z) -> pooled",
            "DequantizeLinear(pooled t z) -> pooled/float/2",
            "Split(pooled/float/2) -> a/float b/float",
            "QuantizeLinear(a/float t z) -> a",
            "QuantizeLinear(b/float t z) -> b",
            "Flatten(elsewhere) -> c",
        ]
    );
}

#[test]
fn what_is_not_understood_stays() {
    let channels_last = [attribute("channels_last", 1, 0.0)];
    let cases = [
        network("QLinearAveragePool", "x s z t z", &channels_last),
        network("QLinearSoftmax", "x s z t z", &[attribute("opset", 12, 0.0)]),
        network("QLinearAdd", "x unknown z w t z t z", &[]),
        network("QLinearAdd", "x many z w t z t z", &[]),
        network("QLinearAdd", "x s z w t z t", &[]),
        network("QLinearConv", "x s z w many z t z computed", &[]),
        network("QLinearConcat", "t z x s z w", &[]),
        network("QLinearWhere", "c x s z w t z t z", &[]),
    ];
    for before in cases {
        let mut after = before.clone();
        to_qdq(&mut after);
        assert_eq!(after.graph, before.graph);
    }
}

/// How far from ONNX Runtime's output tract's lies after the rewrite, value by value.
fn differences(proto: &pb::ModelProto, folder: &Path) -> Vec<f32> {
    // not decluttered: tract 0.23.9 takes Softmax between integers for an operator on single values
    let model = onnx().model_for_proto_model(proto).unwrap().into_typed().unwrap();
    let shape = model.input_fact(0).unwrap().shape.as_concrete().unwrap().to_vec();
    let values = npy::read::<f32>(&std::fs::read(folder.join("input.npy")).unwrap(), &shape).unwrap();
    let input = Tensor::from_shape(&shape, &values).unwrap();
    let output = model.into_runnable().unwrap().run(tvec!(input.into())).unwrap();
    let wanted = std::fs::read(folder.join("output.npy")).unwrap();
    let wanted = npy::read::<f32>(&wanted, output[0].shape()).unwrap();
    let found = output[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap();
    found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).collect()
}

#[test]
fn recorded_networks_of_this_form_give_what_onnx_runtime_gives() {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inference/int8")).unwrap();
    let folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    let in_this_form = |folder: &&PathBuf| folder.to_string_lossy().ends_with("-qoperator");
    assert!(folders.iter().filter(in_this_form).count() > 5);
    for folder in folders.iter().filter(in_this_form) {
        let case: toml::Table = std::fs::read_to_string(folder.join("case.toml")).unwrap().parse().unwrap();
        let mut proto = onnx().proto_model_for_path(folder.join("model.onnx")).unwrap();
        to_qdq(&mut proto);
        let nodes = &proto.graph.as_ref().unwrap().node;
        let is_left = |node: &pb::NodeProto| !node.domain.is_empty() || node.op_type.starts_with("QLinear");
        assert!(!nodes.iter().any(is_left), "{}", folder.display());
        let difference = differences(&proto, folder).into_iter().fold(0.0, f32::max);
        let steps = f64::from(difference) / case["output_step"].as_float().unwrap();
        assert!(steps < 1.01, "{}: {steps} steps", folder.display());
    }
}
