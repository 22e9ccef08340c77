//! ONNX's QOperator form to its QDQ form: each integer operator becomes DequantizeLinear, the float operator and
//! QuantizeLinear, so that everything later meets one form.
//!
//! Definitions: ONNX operators QLinearConv and QLinearMatMul, ONNX Runtime's contributed operators (`com.microsoft`).
//! Works on the graph's top level. A node that is not understood stays as it is, and whoever loads the graph names it.

use std::collections::HashMap;

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;

const CONTRIBUTED: &str = "com.microsoft";
/// Operators that only move or choose values: in this form they work on integers, in the other one on floats.
const MOVERS: [&str; 12] = [
    "DepthToSpace",
    "Flatten",
    "Identity",
    "MaxPool",
    "Reshape",
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Rewrites a network in place; names of outputs and tensors stay.
pub fn to_qdq(proto: &mut pb::ModelProto) {
    let opset =
        proto.opset_import.iter().find(|o| ["", "ai.onnx"].contains(&o.domain.as_str())).map_or(0, |o| o.version);
    let Some(graph) = &mut proto.graph else { return };
    if !graph.node.iter().any(|node| layout(node, opset).is_some()) {
        return;
    }
    let old = std::mem::take(&mut graph.node);
    let mut rewriter = Rewriter { constants: constants(&graph.initializer, &old), ..Rewriter::default() };
    for node in &old {
        if rewriter.integer_operator(node, opset).or_else(|| rewriter.mover(node)).is_none() {
            rewriter.keep(node);
        }
    }
    let Rewriter { nodes, scales, .. } = rewriter;
    graph.node = nodes;
    graph.initializer.extend(scales);
    if !graph.node.iter().any(|node| node.domain == CONTRIBUTED) {
        proto.opset_import.retain(|import| import.domain != CONTRIBUTED);
    }
}

/// Where an integer operator keeps its parts among its inputs.
struct Layout {
    /// The float operator of the same meaning.
    float: &'static str,
    /// Positions of the operands; scale and zero point follow each.
    operands: Vec<usize>,
    /// Position of the output's scale; its zero point follows.
    output: usize,
    /// Position of the bias in i32, whose scale is the product of the operands' scales.
    bias: Option<usize>,
}

/// How an operator lays out its inputs; `None` for one that is not understood.
fn layout(node: &pb::NodeProto, opset: i64) -> Option<Layout> {
    let plain = |float, count: usize| Layout {
        float,
        operands: (0..count).map(|i| 3 * i).collect(),
        output: 3 * count,
        bias: None,
    };
    let found = match (node.domain.as_str(), node.op_type.as_str()) {
        ("" | "ai.onnx", "QLinearConv") => Layout { bias: Some(8), ..plain("Conv", 2) },
        ("" | "ai.onnx", "QLinearMatMul") => plain("MatMul", 2),
        (CONTRIBUTED, "QLinearAdd") => plain("Add", 2),
        (CONTRIBUTED, "QLinearMul") => plain("Mul", 2),
        (CONTRIBUTED, "QLinearSigmoid") => plain("Sigmoid", 1),
        (CONTRIBUTED, "QLinearLeakyRelu") => plain("LeakyRelu", 1),
        // before opset 13 Softmax took several axes as one
        (CONTRIBUTED, "QLinearSoftmax") if integer(node, "opset") >= Some(13) => plain("Softmax", 1),
        (CONTRIBUTED, "QLinearAveragePool") => plain("AveragePool", 1),
        (CONTRIBUTED, "QLinearGlobalAveragePool") => plain("GlobalAveragePool", 1),
        // from opset 18 on the axes are an input
        (CONTRIBUTED, "QLinearReduceMean") if opset < 18 => plain("ReduceMean", 1),
        (CONTRIBUTED, "QGemm") => Layout { output: 7, bias: Some(6), ..plain("Gemm", 2) },
        (CONTRIBUTED, "QLinearConcat") => {
            Layout { operands: (2..node.input.len()).step_by(3).collect(), output: 0, ..plain("Concat", 0) }
        }
        _ => return None,
    };
    (integer(node, "channels_last").unwrap_or(0) == 0).then_some(found)
}

/// Names of a tensor's scale and zero point; the latter may be absent.
type Steps = (String, Option<String>);

#[derive(Default)]
struct Rewriter<'a> {
    constants: HashMap<&'a str, &'a pb::TensorProto>,
    /// How each quantised tensor that a node made is to be read.
    quantised: HashMap<String, Steps>,
    /// Float tensors by the integer tensor and the steps that they were read with.
    floats: HashMap<(String, Steps), String>,
    nodes: Vec<pb::NodeProto>,
    scales: Vec<pb::TensorProto>,
}

impl Rewriter<'_> {
    /// Float operator with everything around it, or nothing at all.
    fn integer_operator(&mut self, node: &pb::NodeProto, opset: i64) -> Option<()> {
        let Layout { float, operands, output, bias } = layout(node, opset)?;
        let result = node.output.first()?;
        let target = input(node, output).map(|scale| (scale.to_owned(), input(node, output + 1).map(str::to_owned)));
        // the type of the result is that of its zero point; QGemm without a scale gives floats
        let has_type = target.as_ref().map_or(float == "Gemm", |(_, zero_point)| zero_point.is_some());
        if !has_type {
            return None;
        }
        let operands: Vec<_> =
            operands.iter().enumerate().map(|(i, &at)| self.operand(node, float, i, at)).collect::<Option<_>>()?;
        let bias = match bias.and_then(|position| input(node, position)) {
            Some(bias) => Some((bias, self.bias_scale(node, float, bias)?)),
            None => None,
        };
        let read = |(tensor, steps, axis): &(String, Steps, _)| self.dequantise(tensor, steps, *axis);
        let mut inputs: Vec<_> = operands.iter().map(read).collect();
        if let Some((bias, scale)) = bias {
            let name = format!("{result}/bias_scale");
            let axis = (scale.dims.len() == 1).then(|| self.rank(bias).map(|rank| rank - 1)).flatten();
            self.scales.push(pb::TensorProto { name: name.clone(), ..scale });
            inputs.push(self.dequantise(bias, &(name, None), axis));
        }
        let attributes = node.attribute.iter().filter(|a| !["channels_last", "opset"].contains(&a.name.as_str()));
        let mut made = pb::NodeProto {
            op_type: float.to_owned(),
            domain: String::new(),
            input: inputs,
            attribute: attributes.cloned().collect(),
            ..node.clone()
        };
        match target {
            Some(steps) => self.quantised_output(made, &[result], &steps),
            None => {
                made.output = vec![result.clone()];
                self.nodes.push(made);
            }
        }
        Some(())
    }

    /// An operator that moves quantised values, now between floats; its output has its input's steps.
    fn mover(&mut self, node: &pb::NodeProto) -> Option<()> {
        // MaxPool's second output counts
        let is_mover = MOVERS.contains(&node.op_type.as_str()) && (node.output.len() == 1 || node.op_type == "Split");
        let source = input(node, 0).filter(|_| is_mover)?;
        let steps = self.quantised.get(source).filter(|(_, zero_point)| zero_point.is_some())?.clone();
        let mut made = node.clone();
        made.input[0] = self.dequantise(source, &steps, None);
        self.quantised_output(made, &node.output.iter().collect::<Vec<_>>(), &steps);
        Some(())
    }

    /// A node that stays.
    fn keep(&mut self, node: &pb::NodeProto) {
        if let ("QuantizeLinear", [_, scale, zero_point], [result]) =
            (node.op_type.as_str(), node.input.as_slice(), node.output.as_slice())
        {
            self.quantised.insert(result.clone(), (scale.clone(), Some(zero_point.clone())));
        }
        self.nodes.push(node.clone());
    }

    /// An operand, its steps, and the axis along which they vary where there are several.
    fn operand(
        &self,
        node: &pb::NodeProto,
        float: &str,
        index: usize,
        at: usize,
    ) -> Option<(String, Steps, Option<i64>)> {
        let (tensor, scale) = (input(node, at)?, input(node, at + 1)?);
        let axis = match (float, index) {
            _ if self.constant(scale)?.len() == 1 => None,
            ("Conv", 1) => Some(0),
            ("MatMul", 1) => Some(self.rank(tensor)? - 1),
            ("Gemm", 1) => Some(i64::from(integer(node, "transB").unwrap_or(0) == 0)),
            _ => return None,
        };
        Some((tensor.to_owned(), (scale.to_owned(), input(node, at + 2).map(str::to_owned)), axis))
    }

    /// The bias's scale without its name: the operands' scales and Gemm's alpha multiplied.
    fn bias_scale(&self, node: &pb::NodeProto, float: &str, bias: &str) -> Option<pb::TensorProto> {
        self.rank(bias)?;
        let left = *self.constant(input(node, 1)?)?.first()?;
        let alpha = node.attribute.iter().find(|a| float == "Gemm" && a.name == "alpha").map_or(1.0, |a| a.f);
        let values: Vec<f32> = self.constant(input(node, 4)?)?.iter().map(|right| alpha * left * right).collect();
        let dims = if values.len() == 1 { Vec::new() } else { vec![i64::try_from(values.len()).ok()?] };
        Some(pb::TensorProto { data_type: DataType::Float as i32, dims, float_data: values, ..Default::default() })
    }

    /// Values of a constant of floats.
    fn constant(&self, name: &str) -> Option<Vec<f32>> {
        let tensor = self.constants.get(name).filter(|tensor| tensor.data_type == DataType::Float as i32)?;
        let raw = tensor.raw_data.as_chunks::<4>().0.iter().copied().map(f32::from_le_bytes);
        Some(if tensor.raw_data.is_empty() { tensor.float_data.clone() } else { raw.collect() })
    }

    /// Number of a constant's dimensions.
    fn rank(&self, name: &str) -> Option<i64> {
        i64::try_from(self.constants.get(name)?.dims.len()).ok()
    }

    /// The float tensor of a quantised one, made once for all who read it.
    fn dequantise(&mut self, tensor: &str, steps: &Steps, axis: Option<i64>) -> String {
        let key = (tensor.to_owned(), steps.clone());
        if let Some(float) = self.floats.get(&key) {
            return float.clone();
        }
        let float = format!("{tensor}/float/{}", self.floats.len());
        let axis = axis.map(|i| pb::AttributeProto {
            name: "axis".to_owned(),
            i,
            r#type: AttributeType::Int as i32,
            ..Default::default()
        });
        let node = linear("DequantizeLinear", tensor, steps, &float);
        self.nodes.push(pb::NodeProto { attribute: axis.into_iter().collect(), ..node });
        self.floats.insert(key, float.clone());
        float
    }

    /// A float operator whose outputs are rounded into tensors of the given names.
    fn quantised_output(&mut self, mut operator: pb::NodeProto, names: &[&String], steps: &Steps) {
        operator.output = names.iter().map(|name| format!("{name}/float")).collect();
        let rounded: Vec<_> = names
            .iter()
            .zip(&operator.output)
            .map(|(name, float)| linear("QuantizeLinear", float, steps, name))
            .collect();
        self.nodes.push(operator);
        self.nodes.extend(rounded);
        self.quantised.extend(names.iter().map(|&name| (name.clone(), steps.clone())));
    }
}

fn linear(op_type: &str, from: &str, (scale, zero_point): &Steps, to: &str) -> pb::NodeProto {
    let zero_point = zero_point.iter().map(String::as_str);
    pb::NodeProto {
        op_type: op_type.to_owned(),
        name: format!("{to}/{op_type}"),
        input: [from, scale].into_iter().chain(zero_point).map(str::to_owned).collect(),
        output: vec![to.to_owned()],
        ..Default::default()
    }
}

/// An input that is there.
fn input(node: &pb::NodeProto, position: usize) -> Option<&str> {
    node.input.get(position).map(String::as_str).filter(|name| !name.is_empty())
}

fn integer(node: &pb::NodeProto, attribute: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == attribute).map(|a| a.i)
}

/// Initialisers and Constant nodes by name.
pub(super) fn constants<'a>(
    initialisers: &'a [pb::TensorProto],
    nodes: &'a [pb::NodeProto],
) -> HashMap<&'a str, &'a pb::TensorProto> {
    let value = |node: &'a pb::NodeProto| {
        let tensor = node.attribute.iter().find_map(|a| a.t.as_ref())?;
        (node.op_type == "Constant").then_some((node.output.first()?.as_str(), tensor))
    };
    initialisers.iter().map(|tensor| (tensor.name.as_str(), tensor)).chain(nodes.iter().filter_map(value)).collect()
}

#[cfg(test)]
#[path = "qoperator_tests.rs"]
mod tests;
