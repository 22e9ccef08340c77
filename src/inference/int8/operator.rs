//! A region as an operator of tract.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    EvalContext, EvalOp, LaneId, Op, OpState, StaticName, TypedOp, as_op, not_out_of_plan, op_as_typed_op,
};

use crate::inference::int8::graph::Outside;
use crate::inference::int8::program::Program;
use crate::inference::int8::run::{Given, Runner};
use crate::inference::int8::team::Team;

/// A region of integer arithmetic. Its weights are shared; each state of a plan has working memory of its own.
#[derive(Clone, Debug)]
pub struct Region {
    program: Arc<Program>,
    facts: TVec<TypedFact>,
    team: Option<Arc<Team>>,
}

impl Region {
    /// With the facts of its outputs, and threads that help.
    pub fn new(program: Arc<Program>, facts: TVec<TypedFact>, team: Option<Arc<Team>>) -> Self {
        Self { program, facts, team }
    }

    /// What it does.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.program, &other.program)
    }
}

impl Eq for Region {}

impl Op for Region {
    fn name(&self) -> StaticName {
        "Int8Region".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Region {
    not_out_of_plan!();

    fn state(&self, _: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        let runner = Runner::new(Arc::clone(&self.program));
        Ok(Some(Box::new(State { runner, team: self.team.clone() })))
    }
}

impl TypedOp for Region {
    as_op!();

    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.facts.iter().map(TypedFact::without_value).collect())
    }
}

/// The working memory of a region in one state of a plan.
#[derive(Clone, Debug)]
pub struct State {
    runner: Runner,
    team: Option<Arc<Team>>,
}

impl State {
    /// Runs the region on this thread, each step through `watch`, which gets the step's number.
    pub fn watch(
        &mut self,
        inputs: &[TValue],
        watch: impl FnMut(usize, &mut dyn FnMut()),
    ) -> TractResult<TVec<TValue>> {
        let given = given(self.runner.program(), inputs)?;
        self.runner.run_watched(&given, None, watch);
        self.outputs()
    }

    fn outputs(&self) -> TractResult<TVec<TValue>> {
        let program = self.runner.program();
        let mut outputs = tvec!();
        for (number, port) in program.outputs.iter().enumerate() {
            let mut bytes = vec![0; if port.outside == Outside::Float { 0 } else { port.shape.iter().product() }];
            outputs.push(match port.outside {
                Outside::Float => Tensor::from_shape(&port.shape, self.runner.reals(number))?.into(),
                Outside::Unsigned => {
                    self.runner.bytes(number, &mut bytes);
                    Tensor::from_shape(&port.shape, &bytes)?.into()
                }
                Outside::Signed => {
                    self.runner.bytes(number, &mut bytes);
                    let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
                    Tensor::from_shape(&port.shape, &signed)?.into()
                }
            });
        }
        Ok(outputs)
    }
}

fn given<'a>(program: &Program, inputs: &'a [TValue]) -> TractResult<TVec<Given<'a>>> {
    let mut given: TVec<Given<'_>> = tvec!();
    for (input, port) in inputs.iter().zip(&program.inputs) {
        let plain = input.try_as_plain_ram()?;
        given.push(match port.outside {
            Outside::Float => Given::Reals(plain.as_slice::<f32>()?),
            Outside::Unsigned => Given::Bytes(plain.as_slice::<u8>()?),
            // the bits are what matters
            Outside::Signed => Given::Bytes(plain.as_bytes()),
        });
    }
    Ok(given)
}

impl OpState for State {
    fn eval(&mut self, _: &EvalContext, _: &dyn Op, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let given = given(self.runner.program(), &inputs)?;
        self.runner.run(&given, self.team.as_deref());
        self.outputs()
    }

    fn reset_lanes(&mut self, _: &[LaneId]) -> TractResult<()> {
        Ok(())
    }
}
