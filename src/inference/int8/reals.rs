//! Networks without their quantisation, for comparison.

use std::collections::HashMap;

use tract_onnx::pb;

use crate::inference::int8::qoperator::constants;

/// Leaves quantisation out, for comparison with single precision: what is quantised only to be dequantised stays as it
/// was, or becomes a ReLU where its zero point is 0 behind a convolution, a product or a sum: there quantisers swallow
/// ReLUs. Weights stay as they are.
pub fn to_reals(proto: &mut pb::ModelProto) {
    let Some(graph) = &mut proto.graph else { return };
    let constants = constants(&graph.initializer, &graph.node);
    let maker = |value: &String| graph.node.iter().find(|node| node.output.first() == Some(value));
    let zero = |node: &pb::NodeProto| {
        let zero =
            node.input.get(2).map_or(Some(0), |name| constants.get(name.as_str()).map(|tensor| first_byte(tensor)));
        zero == Some(0)
    };
    let quantised: HashMap<String, (String, &str)> = (graph.node.iter())
        .filter(|node| node.op_type == "QuantizeLinear")
        .map(|node| {
            let sums = maker(&node.input[0]).is_some_and(|maker| SUMS.contains(&maker.op_type.as_str()));
            let operator = if sums && zero(node) { "Relu" } else { "Identity" };
            (node.output[0].clone(), (node.input[0].clone(), operator))
        })
        .collect();
    for node in &mut graph.node {
        if node.op_type == "DequantizeLinear"
            && let Some((real, operator)) = quantised.get(&node.input[0])
        {
            let (op_type, input) = ((*operator).to_owned(), vec![real.clone()]);
            *node = pb::NodeProto { op_type, input, attribute: Vec::new(), ..std::mem::take(node) };
        }
    }
}

/// Operators whose ReLU a quantiser may have swallowed.
const SUMS: [&str; 4] = ["Conv", "Gemm", "MatMul", "Add"];

fn first_byte(tensor: &pb::TensorProto) -> i64 {
    let raw = tensor.raw_data.first().map(|&byte| i64::from(byte));
    raw.or_else(|| tensor.int32_data.first().map(|&value| i64::from(value))).unwrap_or(0)
}
