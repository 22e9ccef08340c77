//! From a graph to a program: which quantised values are kept, which only live as tables, what is stored how.
//!
//! Every real value is held as a formula over tensors that exist. As long as a formula depends on one quantised tensor
//! alone it is a table of 256 numbers; quantised again it is a table of 256 bytes, which the step that made the tensor
//! can apply while it stores. So SiLU, GELU, scalings and changes of scale cost nothing.

mod elementwise;
mod finish;
mod layers;
mod movement;
mod place;

use crate::inference::int8::functions::{ByteTable, is_identity};
use crate::inference::int8::graph::{Binary, Graph, Op, Outside, Steps, Unary, ValueId};
use crate::inference::int8::kernels::{Isa, Packed};
use crate::inference::int8::program::{Place, Port, Program, Sink, SinkKind, Source, SourceKind, Step, Work};
use crate::inference::int8::view::{Loops, View};

/// Why a region is left to tract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{node}: {why}")]
pub struct Unsupported {
    /// The node.
    pub node: String,
    /// What about it.
    pub why: String,
}

/// Lowers a graph.
///
/// # Errors
/// When a node stands where the engine has no step for it.
pub fn lower(graph: &Graph, isa: Isa) -> Result<Program, Unsupported> {
    let mut lowering = Lowering {
        graph,
        isa,
        consumers: graph.consumers(),
        held: vec![None; graph.values.len()],
        done: vec![false; graph.nodes.len()],
        steps: Vec::new(),
        buffers: Vec::new(),
        constants: Vec::new(),
        layers: Vec::new(),
        name: String::new(),
    };
    let inputs = lowering.take_inputs();
    for place in 0..graph.nodes.len() {
        if lowering.done[place] {
            continue;
        }
        lowering.name.clone_from(&graph.nodes[place].name);
        lowering.node(place).map_err(|why| Unsupported { node: graph.nodes[place].name.clone(), why })?;
    }
    lowering.name = "output".to_owned();
    let outputs = lowering.give_outputs().map_err(|why| Unsupported { node: "output".to_owned(), why })?;
    Ok(place::place(lowering, inputs, outputs))
}

/// What is known of a value.
#[derive(Clone, Debug)]
enum Held {
    /// Real.
    Real(Formula),
    /// Quantised: bytes, to be read through a table.
    Bytes(View, Option<Box<ByteTable>>),
}

/// A real tensor that need not exist.
#[derive(Clone, Debug)]
enum Formula {
    Tensor(Source),
    Number(f32),
    Unary(Unary, Box<Formula>),
    Binary(Binary, Box<Formula>, Box<Formula>),
}

#[derive(Clone, Copy, Debug)]
struct Buffer {
    real: bool,
    len: usize,
    /// Not in a slot.
    fixed: Option<Place>,
}

struct Lowering<'g> {
    graph: &'g Graph,
    isa: Isa,
    consumers: Vec<Vec<usize>>,
    held: Vec<Option<Held>>,
    done: Vec<bool>,
    steps: Vec<Step>,
    buffers: Vec<Buffer>,
    constants: Vec<Vec<f32>>,
    layers: Vec<Packed>,
    /// Of the node at hand.
    name: String,
}

type Result2<T> = Result<T, String>;

impl Lowering<'_> {
    fn buffer(&mut self, real: bool, len: usize) -> usize {
        self.buffers.push(Buffer { real, len, fixed: None });
        self.buffers.len() - 1
    }

    /// A new tensor, its axes nested in this order.
    fn tensor(&mut self, real: bool, shape: &[usize], order: &[usize]) -> View {
        let buffer = self.buffer(real, shape.iter().product());
        View::ordered(buffer, shape, order)
    }

    fn emit(&mut self, work: Work, macs: usize) {
        self.steps.push(Step { name: self.name.clone(), work, macs });
    }

    fn take_inputs(&mut self) -> Vec<Port> {
        let mut ports = Vec::new();
        for (number, &input) in self.graph.inputs.iter().enumerate() {
            let value = &self.graph.values[input];
            let real = value.outside == Outside::Float;
            let buffer = self.buffer(real, value.shape.iter().product());
            let view = View::contiguous(buffer, &value.shape);
            self.held[input] = Some(if real {
                self.buffers[buffer].fixed = Some(Place::Input(number));
                Held::Real(Formula::Tensor(Source { view, kind: SourceKind::Real }))
            } else {
                Held::Bytes(view, None)
            });
            ports.push(Port { buffer, shape: value.shape.clone(), outside: value.outside });
        }
        ports
    }

    fn give_outputs(&mut self) -> Result2<Vec<Port>> {
        let mut ports = Vec::new();
        for &output in &self.graph.outputs {
            let value = &self.graph.values[output];
            let view = match self.held(output)? {
                Held::Bytes(view, table) => self.mapped(view, table, true),
                Held::Real(formula) => self.real(&formula, &value.shape, true),
            };
            ports.push(Port { buffer: view.buffer, shape: value.shape.clone(), outside: value.outside });
        }
        Ok(ports)
    }

    /// Bytes as a whole tensor of their own (`rows`: nested in the order of the axes).
    fn mapped(&mut self, view: View, table: Option<Box<ByteTable>>, rows: bool) -> View {
        let in_order = !rows || view.is_nested_in_order();
        if table.is_none() && in_order && self.whole(&view) {
            return view;
        }
        let order = if rows { (0..view.shape.len()).collect() } else { view.order() };
        let to = self.tensor(false, &view.shape, &order);
        self.emit(Work::Map { from: view, to: to.clone(), table, loops: Loops::default() }, 0);
        to
    }

    fn whole(&self, view: &View) -> bool {
        view.covers(self.buffers[view.buffer].len)
    }

    /// What is known of a value; constants are known when they are first asked for.
    fn held(&mut self, value: ValueId) -> Result2<Held> {
        if let Some(held) = &self.held[value] {
            return Ok(held.clone());
        }
        let constant = self.graph.values[value].constant.clone().ok_or("a value is used before it is made")?;
        let formula = match self.graph.scalar(value) {
            Some(number) => Formula::Number(number),
            None => {
                let shape = &self.graph.values[value].shape;
                let buffer = self.buffer(true, constant.len());
                self.buffers[buffer].fixed = Some(Place::Constant(self.constants.len()));
                self.constants.push(constant.to_vec());
                Formula::Tensor(Source { view: View::contiguous(buffer, shape), kind: SourceKind::Real })
            }
        };
        let held = Held::Real(formula);
        self.held[value] = Some(held.clone());
        Ok(held)
    }

    fn held_real(&mut self, value: ValueId) -> Result2<Formula> {
        match self.held(value)? {
            Held::Real(formula) => Ok(formula),
            Held::Bytes(..) => Err("real numbers are wanted and quantised ones given".to_owned()),
        }
    }

    /// A real operand as one tensor, made if it is a formula.
    fn source(&mut self, value: ValueId) -> Result2<Source> {
        Ok(match self.held_real(value)? {
            Formula::Tensor(source) => source,
            formula => {
                let view = self.real(&formula, &self.graph.values[value].shape.clone(), false);
                Source { view, kind: SourceKind::Real }
            }
        })
    }

    /// A quantised operand.
    fn quantised(&mut self, value: ValueId) -> Result2<(View, Steps)> {
        match self.held_real(value)? {
            Formula::Tensor(Source { view, kind: SourceKind::Quantised(steps) }) => Ok((view, steps)),
            _ => Err("its operand is not quantised".to_owned()),
        }
    }

    fn set_real(&mut self, value: ValueId, view: View, kind: SourceKind) {
        self.held[value] = Some(Held::Real(Formula::Tensor(Source { view, kind })));
    }

    /// Notes what a step with this sink made.
    fn set_stored(&mut self, value: ValueId, sink: &Sink) {
        match sink.kind {
            SinkKind::Real => self.set_real(value, sink.view.clone(), SourceKind::Real),
            SinkKind::Quantised(..) => self.held[value] = Some(Held::Bytes(sink.view.clone(), None)),
        }
    }

    fn node(&mut self, place: usize) -> Result2<()> {
        let node = &self.graph.nodes[place];
        let (output, shape) = (node.output, self.graph.values[node.output].shape.clone());
        let first = *node.inputs.first().ok_or("it has no operand")?;
        if node.inputs.iter().chain([&output]).any(|&value| self.graph.values[value].shape.contains(&0)) {
            return Err("a tensor without values".to_owned());
        }
        match &node.op {
            Op::Quantise(steps) => self.quantise(first, output, *steps)?,
            Op::Dequantise(steps) => {
                let formula = match self.held(first)? {
                    Held::Bytes(view, None) => Source { view, kind: SourceKind::Quantised(*steps) },
                    Held::Bytes(view, Some(table)) => {
                        let real = table.map(|value| steps.real(value));
                        Source { view, kind: SourceKind::Table(Box::new(real)) }
                    }
                    Held::Real(_) => return Err("quantised numbers are wanted and real ones given".to_owned()),
                };
                self.held[output] = Some(Held::Real(Formula::Tensor(formula)));
            }
            Op::Convolve(convolve) => self.convolve(convolve, first, output)?,
            Op::Multiply(multiply) => match &multiply.weights {
                Some(weights) => self.multiply(multiply, weights, first, output)?,
                None => self.multiply_both(multiply, first, node.inputs[1], output)?,
            },
            Op::Unary(function) => {
                let operand = self.held_real(first)?;
                let formula = self.shortened(elementwise::unary(*function, operand), &shape);
                self.held[output] = Some(Held::Real(formula));
            }
            Op::Binary(function) => {
                let (left, right) = (self.held_real(first)?, self.held_real(node.inputs[1])?);
                let formula = elementwise::stretched(elementwise::binary(*function, left, right), &shape);
                self.held[output] = Some(Held::Real(self.shortened(formula, &shape)));
            }
            Op::Reshape => self.moved(first, output, |view| view.reshaped(&shape))?,
            Op::Permute(order) => self.moved(first, output, |view| Some(view.permuted(order)))?,
            Op::Slice { axis, start } => self.moved(first, output, |v| Some(v.sliced(*axis, *start, shape[*axis])))?,
            Op::Broadcast => self.moved(first, output, |view| Some(view.broadcast(&shape)))?,
            Op::Concat(axis) => self.concat(*axis, &node.inputs, output)?,
            Op::MaxPool(window) => {
                let (from, steps) = self.quantised(first)?;
                let from = self.channels_last(from);
                let to = self.tensor(false, &shape, &[0, 2, 3, 1]);
                self.emit(Work::MaxPool { from, to: to.clone(), window: *window }, 0);
                self.set_real(output, to, SourceKind::Quantised(steps));
            }
            Op::Pick(pixels) => {
                let (from, steps) = self.quantised(first)?;
                let from = self.channels_last(from);
                let to = self.tensor(false, &shape, &[0, 2, 3, 1]);
                self.emit(Work::Pick { from, to: to.clone(), pixels: pixels.to_vec() }, 0);
                self.set_real(output, to, SourceKind::Quantised(steps));
            }
            Op::MeanPool(window, count_padding) => {
                let from = self.source(first)?;
                let finish = self.finish(output, finish::Absorbs::default());
                let view = self.tensor(finish.is_real(), &shape, &[0, 2, 3, 1]);
                let to = finish.sink(view);
                self.set_stored(finish.value, &to);
                let (window, count_padding) = (*window, *count_padding);
                self.emit(Work::MeanPool { from, to, window, count_padding }, 0);
            }
            Op::Reduce(reduce, _) => {
                let from = self.source(first)?;
                let finish = self.finish(output, finish::Absorbs { factor: true, ..Default::default() });
                let view = self.tensor(finish.is_real(), &shape, &from.view.order());
                let to = finish.sink(view);
                self.set_stored(finish.value, &to);
                let (kept, along) = (Loops::default(), Loops::default());
                self.emit(Work::Reduce { from, to, reduce: *reduce, factor: finish.factor, kept, along }, 0);
            }
            Op::Softmax(axis) => self.softmax(*axis, first, output)?,
            Op::Normalise { epsilon } => self.normalise(*epsilon, first, output)?,
        }
        Ok(())
    }

    fn quantise(&mut self, input: ValueId, output: ValueId, steps: Steps) -> Result2<()> {
        let shape = self.graph.values[output].shape.clone();
        let formula = self.held_real(input)?;
        let (view, table) = match formula {
            Formula::Tensor(Source { view, kind: SourceKind::Quantised(from) }) => {
                (view, steps.quantised(&from.table()))
            }
            Formula::Tensor(Source { view, kind: SourceKind::Table(table) }) => (view, steps.quantised(&table)),
            formula => {
                let order = self.order_for(output, &formula, &shape);
                let view = self.tensor(false, &shape, &order);
                let kind = SinkKind::Quantised(steps, None);
                self.compute(&formula, Sink { view: view.clone(), kind });
                self.held[output] = Some(Held::Bytes(view, None));
                return Ok(());
            }
        };
        let held = if is_identity(&table) {
            Held::Bytes(view, None)
        } else if self.is_wanted_as_bytes(output, &view) {
            Held::Bytes(self.mapped(view, Some(Box::new(table)), false), None)
        } else {
            Held::Bytes(view, Some(Box::new(table)))
        };
        self.held[output] = Some(held);
        Ok(())
    }

    /// Whether some user of a quantised value needs it as a tensor of bytes rather than as a table over `root`.
    fn is_wanted_as_bytes(&self, value: ValueId, root: &View) -> bool {
        if self.graph.outputs.contains(&value) {
            return true;
        }
        self.consumers[value].iter().any(|&place| {
            let node = &self.graph.nodes[place];
            match &node.op {
                Op::Dequantise(_) => self.is_wanted_as_bytes(node.output, root),
                Op::Unary(_) => false,
                Op::Binary(_) => node.inputs.iter().any(|&operand| operand != value && !self.is_of(operand, root)),
                _ => true,
            }
        })
    }

    /// Whether a value is a number or depends on this tensor alone.
    fn is_of(&self, value: ValueId, root: &View) -> bool {
        match &self.held[value] {
            Some(Held::Real(Formula::Tensor(source))) => source.view == *root && source.kind != SourceKind::Real,
            Some(Held::Real(Formula::Number(_))) => true,
            _ => self.graph.scalar(value).is_some(),
        }
    }
}
