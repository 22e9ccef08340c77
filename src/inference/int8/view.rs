//! Where the values of a tensor lie in a buffer.

use serde::{Deserialize, Serialize};

/// A tensor as a window on a buffer: transposing, slicing and most reshaping move no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Number of the buffer.
    pub buffer: usize,
    /// Its first value, counted in values.
    pub offset: usize,
    /// Extent per axis.
    pub shape: Vec<usize>,
    /// Steps from value to value per axis, in values; 0 where one value stands for the whole axis.
    pub strides: Vec<usize>,
}

impl View {
    /// A whole buffer, the last axis innermost.
    pub fn contiguous(buffer: usize, shape: &[usize]) -> Self {
        let order: Vec<usize> = (0..shape.len()).collect();
        Self::ordered(buffer, shape, &order)
    }

    /// A whole buffer with its axes nested as `order` says, outermost first.
    pub fn ordered(buffer: usize, shape: &[usize], order: &[usize]) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut step = 1;
        for &axis in order.iter().rev() {
            strides[axis] = step;
            step *= shape[axis];
        }
        Self { buffer, offset: 0, shape: shape.to_vec(), strides }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// One more than the largest index into the buffer.
    pub fn end(&self) -> usize {
        let last: usize = self.shape.iter().zip(&self.strides).map(|(&n, &s)| n.saturating_sub(1) * s).sum();
        self.offset + last + 1
    }

    /// The axes by their strides, outermost first; axes of extent 1 keep their place.
    pub fn order(&self) -> Vec<usize> {
        let mut moving: Vec<usize> = (0..self.shape.len()).filter(|&axis| self.shape[axis] > 1).collect();
        moving.sort_by_key(|&axis| std::cmp::Reverse(self.strides[axis]));
        let mut moving = moving.into_iter();
        let place = |axis: usize| if self.shape[axis] > 1 { moving.next().unwrap_or(axis) } else { axis };
        (0..self.shape.len()).map(place).collect()
    }

    /// Axis `order[i]` becomes axis `i`.
    pub fn permuted(&self, order: &[usize]) -> Self {
        Self {
            shape: order.iter().map(|&axis| self.shape[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
            ..*self
        }
    }

    /// `len` positions of an axis from `start`.
    pub fn sliced(&self, axis: usize, start: usize, len: usize) -> Self {
        let mut view = self.clone();
        view.offset += start * self.strides[axis];
        view.shape[axis] = len;
        view
    }

    /// Stretched to a shape of the same rank: axes of extent 1 stand for all their positions.
    pub fn broadcast(&self, shape: &[usize]) -> Self {
        let mut view = self.clone();
        for (axis, &extent) in shape.iter().enumerate() {
            if view.shape[axis] == 1 && extent != 1 {
                view.strides[axis] = 0;
                view.shape[axis] = extent;
            }
        }
        view
    }

    /// The same values in another shape, if no value has to move for it.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        if shape.iter().product::<usize>() != self.len() {
            return None;
        }
        let mut strides = vec![0; shape.len()];
        let old: Vec<(usize, usize)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|&(extent, _)| extent != 1).collect();
        let (mut from, mut to) = (0, 0);
        while from < old.len() {
            // the shortest groups of old and new axes that hold equally many values
            let (mut end, mut values) = (from + 1, old[from].0);
            while to < shape.len() && shape[to] == 1 {
                to += 1;
            }
            let (mut new_end, mut new_values) = (to + 1, *shape.get(to)?);
            while values != new_values {
                if values < new_values {
                    values *= old.get(end)?.0;
                    end += 1;
                } else {
                    new_values *= shape.get(new_end)?;
                    new_end += 1;
                }
            }
            let one_step = old[from..end].windows(2).all(|pair| pair[0].1 == pair[1].0 * pair[1].1);
            if !one_step {
                return None;
            }
            let mut step = old[end - 1].1;
            for axis in (to..new_end).rev() {
                strides[axis] = step;
                step *= shape[axis];
            }
            (from, to) = (end, new_end);
        }
        Some(Self { shape: shape.to_vec(), strides, ..*self })
    }

    /// Whether it is a whole buffer of this many values, in any order of axes.
    pub fn covers(&self, len: usize) -> bool {
        self.offset == 0 && self.len() == len && self.end() == len && !self.repeats()
    }

    /// Whether its values lie as in a whole buffer whose last axis is innermost.
    pub fn is_nested_in_order(&self) -> bool {
        let plain = Self::contiguous(self.buffer, &self.shape);
        let moving = |axis: &usize| self.shape[*axis] > 1;
        (0..self.shape.len()).filter(moving).all(|axis| self.strides[axis] == plain.strides[axis])
    }

    /// Whether a value stands for several positions.
    pub fn repeats(&self) -> bool {
        self.shape.iter().zip(&self.strides).any(|(&extent, &stride)| extent > 1 && stride == 0)
    }
}

/// Nested loops over several views of one shape, with as few levels as they allow. The innermost level is a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loops {
    /// Extents, outermost first, without the run.
    pub extents: Vec<usize>,
    /// Per view: steps of these levels.
    pub steps: Vec<Vec<usize>>,
    /// Length of the run.
    pub run: usize,
    /// Per view: step within the run.
    pub run_steps: Vec<usize>,
}

impl Loops {
    /// Over views of the same shape; the first decides about the nesting.
    pub fn over(views: &[&View]) -> Self {
        let lead = views[0];
        let order = lead.order();
        let mut levels: Vec<(usize, Vec<usize>)> = Vec::new();
        for axis in order.into_iter().filter(|&axis| lead.shape[axis] != 1) {
            let extent = lead.shape[axis];
            let steps: Vec<usize> = views.iter().map(|view| view.strides[axis]).collect();
            match levels.last_mut() {
                Some((outer, outer_steps))
                    if outer_steps.iter().zip(&steps).all(|(&outer, &inner)| outer == inner * extent) =>
                {
                    *outer *= extent;
                    *outer_steps = steps;
                }
                _ => levels.push((extent, steps)),
            }
        }
        // a run that is too short to be worth its loop gives way to the longest level
        const WORTH: usize = 16;
        if levels.last().is_some_and(|(run, _)| *run < WORTH) {
            let longest = (0..levels.len()).max_by_key(|&level| levels[level].0).unwrap_or(0);
            if levels[longest].0 >= WORTH {
                let level = levels.remove(longest);
                levels.push(level);
            }
        }
        let (run, run_steps) = levels.pop().unwrap_or((1, vec![1; views.len()]));
        let steps = (0..views.len()).map(|view| levels.iter().map(|(_, steps)| steps[view]).collect()).collect();
        Self { extents: levels.iter().map(|(extent, _)| *extent).collect(), steps, run, run_steps }
    }

    /// Row by row: the last axis is the run.
    pub fn rows(views: &[&View]) -> Self {
        let axes = views[0].shape.len() - 1;
        let outer = |view: &&View| view.sliced(axes, 0, 1);
        let outer: Vec<View> = views.iter().map(outer).collect();
        let mut loops = Self::over(&outer.iter().collect::<Vec<_>>());
        // the run over the outer axes becomes a level like the others
        loops.extents.push(loops.run);
        for (steps, &step) in loops.steps.iter_mut().zip(&loops.run_steps) {
            steps.push(step);
        }
        loops.run = views[0].shape[axes];
        loops.run_steps = views.iter().map(|view| view.strides[axes]).collect();
        loops
    }

    /// How many runs from `first` on lie at one step from each other in every view, at most `wanted`.
    pub fn together(&self, first: usize, wanted: usize) -> usize {
        match self.extents.last() {
            Some(&extent) => wanted.min(extent - first % extent),
            None => 1,
        }
    }

    /// The step between runs that lie together.
    pub fn step_between(&self, view: usize) -> usize {
        self.steps[view].last().copied().unwrap_or(0)
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.extents.iter().product()
    }

    /// Where a view's run begins, relative to its offset.
    pub fn start(&self, view: usize, mut run: usize) -> usize {
        let mut start = 0;
        for (extent, step) in self.extents.iter().zip(&self.steps[view]).rev() {
            start += run % extent * step;
            run /= extent;
        }
        start
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
