//! Writes small ONNX models by hand (protobuf wire format, onnx.proto3), so that no test needs Python.

/// A message under construction.
#[derive(Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// An integer field.
    pub fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    /// A field of bytes, of text, or of another message.
    pub fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub fn each<T>(self, values: &[T], add: impl FnMut(Self, &T) -> Self) -> Self {
        values.iter().fold(self, add)
    }
}

/// TensorProto of f32.
pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Message {
    assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, shape, 1).bytes(9, &raw)
}

/// TensorProto of i64.
pub fn integers(name: &str, values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &[values.len()], 7).bytes(9, &raw)
}

/// TensorProto whose f32 values lie in another file.
pub fn external(name: &str, shape: &[usize], location: &str) -> Message {
    let entry = Message::default().text(1, "location").text(2, location);
    tensor(name, shape, 1).message(13, &entry).int(14, 1)
}

fn tensor(name: &str, shape: &[usize], data_type: i64) -> Message {
    Message::default().each(shape, |m, &d| m.int(1, d as i64)).int(2, data_type).text(8, name)
}

/// NodeProto with integer-list attributes.
pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[i64])]) -> Message {
    let attribute = |m: Message, (name, values): &(&str, &[i64])| {
        m.message(5, &Message::default().text(1, name).each(values, |m, &v| m.int(8, v)).int(20, 7))
    };
    let message = Message::default().each(inputs, |m, i| m.text(1, i)).text(2, output).text(3, output).text(4, op);
    message.each(attributes, attribute)
}

/// NodeProto with one integer attribute.
pub fn node_with(op: &str, inputs: &[&str], output: &str, name: &str, value: i64) -> Message {
    node(op, inputs, output, &[]).message(5, &Message::default().text(1, name).int(3, value).int(20, 2))
}

fn value_info(name: &str, shape: &[usize]) -> Message {
    let dims = Message::default().each(shape, |m, &d| m.message(1, &Message::default().int(1, d as i64)));
    let tensor = Message::default().int(1, 1).message(2, &dims);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// A whole ModelProto, opset 17.
pub fn model(nodes: &[Message], weights: &[Message], inputs: &[(&str, &[usize])], output: (&str, &[usize])) -> Vec<u8> {
    model_of(nodes, weights, inputs, &[output])
}

/// The same with several outputs.
pub fn model_of(
    nodes: &[Message],
    weights: &[Message],
    inputs: &[(&str, &[usize])],
    outputs: &[(&str, &[usize])],
) -> Vec<u8> {
    let graph = Message::default()
        .each(nodes, |m, n| m.message(1, n))
        .text(2, "graph")
        .each(weights, |m, w| m.message(5, w))
        .each(inputs, |m, (name, shape)| m.message(11, &value_info(name, shape)))
        .each(outputs, |m, (name, shape)| m.message(12, &value_info(name, shape)));
    Message::default().int(1, 8).message(7, &graph).message(8, &Message::default().text(1, "").int(2, 17)).0
}
