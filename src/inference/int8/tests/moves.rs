//! Operations of a sketch that move, join or reduce values.

use std::sync::Arc;

use super::sketch::Sketch;
use crate::inference::int8::graph::{Binary, Op, Reduce};

impl Sketch<'_> {
    pub(super) fn binary(&mut self) -> Option<()> {
        let (_, left, shape) = self.pick(|_, u| u.depth < 2)?;
        let joins = |other: &[usize]| {
            other.len() == shape.len() && other.iter().zip(&shape).all(|(a, b)| a == b || *a == 1 || *b == 1)
        };
        let (_, right, other) = self.pick(|s, u| u.depth < 2 && joins(&s.graph.values[u.value].shape))?;
        let made: Vec<usize> = shape.iter().zip(&other).map(|(&a, &b)| a.max(b)).collect();
        let depth = left.depth.max(right.depth) + 1;
        let functions = [Binary::Add, Binary::Subtract, Binary::Maximum, Binary::Minimum, Binary::Multiply];
        let function = functions[self.choose(if depth == 1 { 5 } else { 4 })];
        self.made(Op::Binary(function), &[left.value, right.value], &made, (false, depth));
        Some(())
    }

    pub(super) fn with_constant(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|_, u| u.depth < 2)?;
        let kept = self.choose(16);
        let extents: Vec<usize> =
            shape.iter().enumerate().map(|(axis, &n)| if kept >> axis & 1 == 1 { n } else { 1 }).collect();
        // an axis of one value may become longer
        let grown = self.choose(8);
        let (mut extents, mut made) = (extents, shape.clone());
        if grown < shape.len() && shape[grown] == 1 {
            (extents[grown], made[grown]) = (3, 3);
        }
        let other = if self.choose(2) == 0 {
            let number = self.choose(5) as f32 / 2.0 - 1.0;
            self.graph.add_value(&extents, Some(Arc::new(vec![number; extents.iter().product()])))
        } else {
            self.constant(&extents)
        };
        let function = [Binary::Add, Binary::Subtract, Binary::Maximum, Binary::Minimum][self.choose(4)];
        let operands = if self.choose(2) == 0 { [from.value, other] } else { [other, from.value] };
        self.made(Op::Binary(function), &operands, &made, (false, from.depth + 1));
        Some(())
    }

    pub(super) fn moved(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|_, _| true)?;
        let kind = (from.quantised, from.depth);
        match self.choose(4) {
            0 => {
                let mut order: Vec<usize> = (0..shape.len()).collect();
                for axis in (1..order.len()).rev() {
                    order.swap(axis, self.choose(axis + 1));
                }
                let made: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
                self.made(Op::Permute(order), &[from.value], &made, kind);
            }
            1 => {
                let mut made = shape.clone();
                match self.choose(4) {
                    0 if made.len() > 2 => {
                        let axis = self.choose(made.len() - 1);
                        made[axis] *= made.remove(axis + 1);
                    }
                    1 if made.len() < 5 => made.insert(self.choose(shape.len() + 1), 1),
                    2 if made.len() < 5 => {
                        let axis = self.choose(made.len());
                        let factor = [2, 3, 1][self.choose(3)];
                        if made[axis].is_multiple_of(factor) {
                            made[axis] /= factor;
                            made.insert(axis, factor);
                        }
                    }
                    _ => {
                        // an image of one row, or rows of pixels
                        let len: usize = made.iter().product();
                        made = if made.len() == 4 { vec![1, made[1], len / made[1]] } else { vec![1, 1, 1, len] };
                        if shape.len() == 4 && shape[0] != 1 {
                            made[2] = len / made[1];
                        }
                    }
                }
                self.made(Op::Reshape, &[from.value], &made, kind);
            }
            2 => {
                let axis = self.choose(shape.len());
                let start = self.choose(shape[axis]);
                let mut made = shape.clone();
                made[axis] = 1 + self.choose(shape[axis] - start);
                self.made(Op::Slice { axis, start }, &[from.value], &made, kind);
            }
            _ => {
                let longer = 2 + self.choose(2);
                let made: Vec<usize> = shape.iter().map(|&n| if n == 1 { longer } else { n }).collect();
                let made = if shape.len() == 4 { [&[1], &made[1..]].concat() } else { made };
                if shape[0] == 1 {
                    self.made(Op::Broadcast, &[from.value], &made, kind);
                }
            }
        }
        Some(())
    }

    pub(super) fn concat(&mut self) -> Option<()> {
        let (_, first, shape) = self.pick(|_, _| true)?;
        let axis = self.choose(shape.len());
        let (mut parts, mut depth, mut made) = (vec![first.value], first.depth, shape.clone());
        for _ in 0..1 + self.choose(2) {
            let fits = |other: &[usize]| {
                other.len() == shape.len() && (0..shape.len()).all(|at| at == axis || other[at] == shape[at])
            };
            let (_, part, other) = self.pick(|s, u| fits(&s.graph.values[u.value].shape))?;
            parts.push(part.value);
            depth = depth.max(part.depth);
            made[axis] += other[axis];
        }
        self.made(Op::Concat(axis), &parts, &made, (false, depth));
        self.finished()
    }

    pub(super) fn pooled(&mut self) -> Option<()> {
        let image = |s: &Self, value: usize| matches!(s.graph.values[value].shape.as_slice(), [1, _, _, _]);
        let kind = self.choose(3);
        let (_, from, shape) =
            self.pick(|s, u| image(s, u.value) && if kind == 1 { u.depth < 2 } else { u.quantised })?;
        let (channels, size) = (shape[1], [shape[2], shape[3]]);
        if kind == 2 {
            let made = [1, channels, 1 + self.choose(6), 1 + self.choose(6)];
            let pixels = (0..made[2] * made[3]).map(|_| u32::try_from(self.choose(size[0] * size[1])).unwrap_or(0));
            let pixels = Arc::new(pixels.collect());
            self.made(Op::Pick(pixels), &[from.value], &made, (true, 0));
            return Some(());
        }
        let (window, [height, width]) = self.window(&size)?;
        // every window sees something
        let hit = |axis: usize, at: usize| {
            (0..window.kernel[axis]).any(|k| {
                let at = at * window.stride[axis] + k * window.dilation[axis];
                at.checked_sub(window.pad[axis]).is_some_and(|at| at < size[axis])
            })
        };
        if (0..height).all(|y| hit(0, y)) && (0..width).all(|x| hit(1, x)) {
            let made = [1, channels, height, width];
            if kind == 0 {
                self.made(Op::MaxPool(window), &[from.value], &made, (true, 0));
            } else {
                let counted = self.choose(2) == 0;
                // a mean is not exact any more
                self.made(Op::MeanPool(window, counted), &[from.value], &made, (false, 2));
                return self.finished();
            }
        }
        Some(())
    }

    pub(super) fn reduced(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|_, u| u.depth < 2)?;
        let which = self.choose(16);
        let axes: Vec<usize> = (0..shape.len()).filter(|&axis| which >> axis & 1 == 1).collect();
        let made: Vec<usize> =
            shape.iter().enumerate().map(|(axis, &n)| if axes.contains(&axis) { 1 } else { n }).collect();
        let reduce = if self.choose(2) == 0 { Reduce::Sum } else { Reduce::Maximum };
        self.made(Op::Reduce(reduce, axes), &[from.value], &made, (false, 2));
        self.finished()
    }

    /// Softmax and layer norm: they end the graph.
    pub(super) fn rows(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|_, u| u.depth == 0)?;
        let axis = self.choose(shape.len());
        let op = if self.choose(2) == 0 { Op::Softmax(axis) } else { Op::Normalise { epsilon: 1e-2 } };
        let value = self.node(op, &[from.value], &shape);
        self.loose.push(value);
        Some(())
    }
}
