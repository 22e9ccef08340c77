//! What the engine takes for one of its operations gives what tract gives, and what it does not know stays tract's.

use tract_onnx::pb::{self, attribute_proto::AttributeType, tensor_proto::DataType};
use tract_onnx::prelude::*;

use crate::inference::int8::kernels::Isa;
use crate::inference::int8::regions::replace;

/// A node between two quantised tensors.
struct Case {
    op: &'static str,
    /// Integers: whole tensors and attributes.
    operands: &'static [&'static [i64]],
    attributes: &'static [(&'static str, &'static [i64])],
    shape: &'static [usize],
}

fn attribute((name, values): &(&str, &[i64])) -> pb::AttributeProto {
    let lists = ["pads", "strides", "kernel_shape", "dilations", "perm", "axes"];
    let mut attribute = pb::AttributeProto { name: (*name).to_owned(), ..Default::default() };
    if lists.contains(name) {
        (attribute.r#type, attribute.ints) = (AttributeType::Ints as i32, values.to_vec());
    } else {
        (attribute.r#type, attribute.i) = (AttributeType::Int as i32, values[0]);
    }
    attribute
}

fn network(case: &Case) -> pb::ModelProto {
    let node = |op_type: &str, input: Vec<String>, output: &str| pb::NodeProto {
        op_type: op_type.to_owned(),
        name: output.to_owned(),
        input,
        output: vec![output.to_owned()],
        ..Default::default()
    };
    let names = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let operand_names = (0..case.operands.len()).map(|number| format!("operand{number}"));
    let mut middle = node(case.op, names("real").into_iter().chain(operand_names.clone()).collect(), "made");
    middle.attribute = case.attributes.iter().map(attribute).collect();
    let mut initializer: Vec<pb::TensorProto> = case
        .operands
        .iter()
        .zip(operand_names)
        .map(|(values, name)| pb::TensorProto {
            name,
            dims: vec![i64::try_from(values.len()).unwrap_or(0)],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        })
        .collect();
    let step = |name: &str, step: f32| pb::TensorProto {
        name: name.to_owned(),
        data_type: DataType::Float as i32,
        float_data: vec![step],
        ..Default::default()
    };
    let zero = |name: &str, kind: DataType, value: i32| pb::TensorProto {
        name: name.to_owned(),
        data_type: kind as i32,
        int32_data: vec![value],
        ..Default::default()
    };
    initializer.extend([step("s", 0.0625), step("t", 0.031_25)]);
    initializer.extend([zero("z", DataType::Uint8, 101), zero("w", DataType::Int8, -20)]);
    let nodes = vec![
        node("QuantizeLinear", names("x s z"), "bytes"),
        node("DequantizeLinear", names("bytes s z"), "real"),
        middle,
        node("QuantizeLinear", names("made t w"), "stored"),
        node("DequantizeLinear", names("stored t w"), "y"),
    ];
    let real = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape: None };
    let real = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(real)), ..Default::default() };
    let value =
        |name: &str| pb::ValueInfoProto { name: name.to_owned(), r#type: Some(real.clone()), ..Default::default() };
    let graph = pb::GraphProto {
        node: nodes,
        initializer,
        input: vec![value("x")],
        output: vec![value("y")],
        ..Default::default()
    };
    let opset_import = vec![pb::OperatorSetIdProto { domain: String::new(), version: 17 }];
    pb::ModelProto { graph: Some(graph), opset_import, ir_version: 8, ..Default::default() }
}

fn outputs(case: &Case, isa: Option<Isa>) -> TractResult<(Vec<usize>, Vec<f32>, usize)> {
    let model = onnx().model_for_proto_model(&network(case))?.with_input_fact(0, f32::fact(case.shape).into())?;
    let mut model = model.into_typed()?;
    if let Some(isa) = isa {
        replace(&mut model, isa, None)?;
    }
    let regions = model.nodes.iter().filter(|node| node.op.name() == "Int8Region").count();
    let len = case.shape.iter().product::<usize>();
    let values: Vec<f32> = (0..len).map(|number| (number * 37 % 97) as f32 / 8.0 - 6.0).collect();
    let output = model.into_runnable()?.run(tvec!(Tensor::from_shape(case.shape, &values)?.into()))?;
    Ok((output[0].shape().to_vec(), output[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec(), regions))
}

const IMAGE: &[usize] = &[1, 4, 6, 5];

const fn case(
    op: &'static str,
    operands: &'static [&'static [i64]],
    attributes: &'static [(&'static str, &'static [i64])],
) -> Case {
    Case { op, operands, attributes, shape: IMAGE }
}

const CASES: &[Case] = &[
    // starts, ends, axes, steps
    case("Slice", &[&[1], &[3], &[1], &[1]], &[]),
    case("Slice", &[&[-3], &[i64::MAX], &[2], &[1]], &[]),
    case("Slice", &[&[0], &[6], &[2], &[2]], &[]),
    case("Slice", &[&[-1], &[i64::MIN], &[2], &[-1]], &[]),
    case("Slice", &[&[-1], &[i64::MIN], &[0], &[-1]], &[]),
    case("Slice", &[&[1, -1], &[3, i64::MIN], &[1, 3], &[1, -1]], &[]),
    case("Slice", &[&[1, 1], &[3, 4], &[1, 3], &[1, 1]], &[]),
    case("MaxPool", &[], &[("kernel_shape", &[3, 3]), ("strides", &[2, 2]), ("pads", &[1, 0, 0, 2])]),
    case("MaxPool", &[], &[("kernel_shape", &[2, 2]), ("strides", &[2, 2]), ("ceil_mode", &[1])]),
    case("MaxPool", &[], &[("kernel_shape", &[3, 2]), ("dilations", &[2, 1])]),
    case("AveragePool", &[], &[("kernel_shape", &[3, 3]), ("strides", &[2, 2]), ("pads", &[1, 0, 0, 2])]),
    case("AveragePool", &[], &[("kernel_shape", &[2, 2]), ("strides", &[2, 2]), ("ceil_mode", &[1])]),
    case(
        "AveragePool",
        &[],
        &[
            ("kernel_shape", &[3, 3]),
            ("strides", &[2, 2]),
            ("pads", &[1, 1, 1, 1]),
            ("ceil_mode", &[1]),
            ("count_include_pad", &[1]),
        ],
    ),
    case("GlobalAveragePool", &[], &[]),
    case("Transpose", &[], &[("perm", &[0, 3, 1, 2])]),
    case("Softmax", &[], &[("axis", &[1])]),
    case("Softmax", &[], &[("axis", &[-2])]),
    case("LogSoftmax", &[], &[("axis", &[-1])]),
    case("ReduceMean", &[], &[("axes", &[1, -1]), ("keepdims", &[1])]),
    case("ReduceMean", &[], &[("axes", &[2, 3]), ("keepdims", &[0])]),
    case("ReduceMax", &[], &[("axes", &[1]), ("keepdims", &[0])]),
    case("ReduceMin", &[], &[("axes", &[3]), ("keepdims", &[1])]),
    case("Tile", &[&[1, 2, 1, 3]], &[]),
    case("Expand", &[&[3, 4, 6, 5]], &[]),
    case("Reshape", &[&[0, -1, 3]], &[]),
    case("Flatten", &[], &[("axis", &[2])]),
    case("Squeeze", &[&[0]], &[]),
    case("Unsqueeze", &[&[0, 3]], &[]),
    case("DepthToSpace", &[], &[("blocksize", &[2])]),
    case("Relu", &[], &[]),
    Case { op: "Tile", operands: &[&[1, 5]], attributes: &[], shape: &[3, 1] },
    Case { op: "ReduceSum", operands: &[], attributes: &[], shape: &[3, 4] },
    Case { op: "Softmax", operands: &[], attributes: &[("axis", &[0])], shape: &[5] },
];

#[test]
fn what_is_recognised_gives_what_tract_gives() {
    let mut failures = Vec::new();
    for case in CASES {
        let name = format!("{} {:?} {:?}", case.op, case.operands, case.attributes);
        let (shape, wanted, _) = match outputs(case, None) {
            Ok(found) => found,
            Err(error) => {
                failures.push(format!("{name}: tract: {error:#}"));
                continue;
            }
        };
        match outputs(case, Some(Isa::best())) {
            Ok((found_shape, found, regions)) => {
                // one step, where a sum lies between two
                let near = found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 0.031_251);
                if found_shape != shape || !near || regions == 0 {
                    failures.push(format!("{name}: {regions} regions, {found:?} for {wanted:?}"));
                }
            }
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
