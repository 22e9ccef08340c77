//! What an ONNX file says of itself: inputs, output, the products of one image, the output's step of quantisation.
//!
//! For measuring. Nothing here runs a network, and nothing of it decides whether a package is used.

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv};
use tract_onnx::tract_core::ops::einsum::EinSum;

use crate::inference::EngineError;

/// A tensor that a network takes or gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name in the network.
    pub name: String,
    /// Extent; what the file leaves open is 1.
    pub shape: Vec<usize>,
}

/// A network, looked at and not prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// In the order of the file, weights left out.
    pub inputs: Vec<Port>,
    /// The first output.
    pub output: Port,
    /// Products of all convolutions and matrix products for one image.
    pub macs: u64,
    /// Step of quantisation of the output, where its last operator takes one off.
    pub output_step: Option<f32>,
}

impl Graph {
    /// Reads a network; sizes that it leaves open become 1.
    ///
    /// # Errors
    /// When it is not ONNX, or has an operator whose shapes cannot be told.
    pub fn read(mut bytes: &[u8]) -> Result<Self, EngineError> {
        Self::of(&onnx().proto_model_for_read(&mut bytes).map_err(unreadable)?)
    }

    fn of(proto: &pb::ModelProto) -> Result<Self, EngineError> {
        let graph = proto.graph.as_ref().ok_or_else(|| EngineError::Unreadable("no graph".to_owned()))?;
        let output = graph.output.first().ok_or_else(|| EngineError::Unreadable("no output".to_owned()))?;
        let is_weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let inputs: Vec<Port> = graph.input.iter().filter(|info| !is_weight(&info.name)).map(port).collect();
        let typed = typed(proto, &inputs, &output.name).map_err(unreadable)?;
        let shape = typed.output_fact(0).map_err(unreadable)?.shape.as_concrete();
        let shape = shape.ok_or_else(|| EngineError::Unreadable("output of unknown extent".to_owned()))?;
        Ok(Self {
            inputs,
            output: Port { name: output.name.clone(), shape: shape.to_vec() },
            macs: macs(&typed).map_err(unreadable)?,
            output_step: output_step(graph, &output.name),
        })
    }
}

fn port(info: &pb::ValueInfoProto) -> Port {
    use pb::tensor_shape_proto::dimension::Value;
    let dimension = |dimension: &pb::tensor_shape_proto::Dimension| match &dimension.value {
        Some(Value::DimValue(extent)) => usize::try_from(*extent).unwrap_or(1).max(1),
        Some(Value::DimParam(_)) | None => 1,
    };
    let tensor = info.r#type.as_ref().and_then(|kind| match &kind.value {
        Some(pb::type_proto::Value::TensorType(tensor)) => tensor.shape.as_ref(),
        _ => None,
    });
    let shape = tensor.map(|shape| shape.dim.iter().map(dimension).collect()).unwrap_or_default();
    Port { name: info.name.clone(), shape }
}

fn typed(proto: &pb::ModelProto, inputs: &[Port], output: &str) -> TractResult<TypedModel> {
    let framework = onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut model =
        framework.model_for_proto_model(proto)?.with_inputs_by_name(inputs.iter().map(|port| &port.name))?;
    for (index, Port { shape, .. }) in inputs.iter().enumerate() {
        model.set_input_fact(index, f32::fact(shape).into())?;
    }
    model.with_outputs_by_name([output])?.into_typed()
}

/// Sums what convolutions and matrix products say of themselves.
fn macs(model: &TypedModel) -> TractResult<u64> {
    let mut sum = 0;
    let multiplies = |node: &&TypedNode| node.op_is::<Conv>() || node.op_is::<Deconv>() || node.op_is::<EinSum>();
    for node in model.nodes.iter().filter(multiplies) {
        let inputs = model.node_input_facts(node.id)?;
        for (cost, count) in node.op.cost(&inputs)? {
            if matches!(cost, Cost::FMA(_)) {
                sum += u64::try_from(count.to_i64()?).unwrap_or(0);
            }
        }
    }
    Ok(sum)
}

/// The scale of the `DequantizeLinear` that gives the output, where it is one number.
fn output_step(graph: &pb::GraphProto, output: &str) -> Option<f32> {
    let last = graph.node.iter().find(|node| node.output.iter().any(|name| name == output))?;
    let scale = last.input.get(1).filter(|_| last.op_type == "DequantizeLinear")?;
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == *scale)?;
    match (tensor.float_data.as_slice(), tensor.raw_data.as_slice()) {
        ([step], _) => Some(*step),
        (_, raw) => raw.try_into().ok().map(f32::from_le_bytes),
    }
}

fn unreadable(error: TractError) -> EngineError {
    EngineError::Unreadable(format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn info(name: &str, shape: &[Option<i64>]) -> pb::ValueInfoProto {
        use pb::tensor_shape_proto::{Dimension, dimension::Value};
        let value = |d: &Option<i64>| d.map_or_else(|| Value::DimParam("n".into()), Value::DimValue);
        let dim = shape.iter().map(|d| Dimension { value: Some(value(d)), ..Dimension::default() }).collect();
        let tensor = pb::type_proto::Tensor { elem_type: 1, shape: Some(pb::TensorShapeProto { dim }) };
        let kind = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..pb::TypeProto::default() };
        pb::ValueInfoProto { name: name.into(), r#type: Some(kind), ..pb::ValueInfoProto::default() }
    }

    fn weights(name: &str, dims: &[i64]) -> pb::TensorProto {
        let values = usize::try_from(dims.iter().product::<i64>()).unwrap();
        let (name, dims) = (name.to_owned(), dims.to_vec());
        pb::TensorProto { name, dims, data_type: 1, float_data: vec![0.5; values], ..pb::TensorProto::default() }
    }

    fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
        let input = inputs.iter().map(|name| (*name).to_owned()).collect();
        pb::NodeProto { input, output: vec![output.into()], op_type: op.into(), ..pb::NodeProto::default() }
    }

    fn model(node_list: Vec<pb::NodeProto>, initializer: Vec<pb::TensorProto>) -> pb::ModelProto {
        let graph = pb::GraphProto {
            node: node_list,
            initializer,
            input: vec![info("x", &[None, Some(3), Some(8), Some(8)])],
            output: vec![info("y", &[])],
            ..pb::GraphProto::default()
        };
        let opset = pb::OperatorSetIdProto { domain: String::new(), version: 17 };
        pb::ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..pb::ModelProto::default() }
    }

    #[test]
    fn products_of_convolutions_and_matrix_products_are_counted() {
        let nodes = vec![
            node("Conv", &["x", "kernel"], "convolved"),
            node("Sigmoid", &["convolved"], "gate"),
            node("Mul", &["convolved", "gate"], "active"),
            node("GlobalAveragePool", &["active"], "pooled"),
            node("Flatten", &["pooled"], "flat"),
            node("MatMul", &["flat", "head"], "y"),
        ];
        let graph = Graph::of(&model(nodes, vec![weights("kernel", &[4, 3, 3, 3]), weights("head", &[4, 7])])).unwrap();
        assert_eq!(graph.macs, 6 * 6 * 4 * 3 * 9 + 4 * 7);
        assert_eq!(graph.inputs, [Port { name: "x".into(), shape: vec![1, 3, 8, 8] }]);
        assert_eq!(graph.output, Port { name: "y".into(), shape: vec![1, 7] });
        assert_eq!(graph.output_step, None);
    }

    #[test]
    fn the_step_of_a_quantised_output_is_known() {
        let nodes = vec![node("QuantizeLinear", &["x", "step"], "q"), node("DequantizeLinear", &["q", "step"], "y")];
        let graph = Graph::of(&model(nodes, vec![weights("step", &[])])).unwrap();
        assert_eq!((graph.macs, graph.output_step), (0, Some(0.5)));
    }
}
