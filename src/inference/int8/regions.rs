//! Which nodes of a typed model become regions of the engine, and how those are put in their place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::{TractErrorContext, bail};

use crate::inference::int8::graph::{Graph, Node, Op, Outside, ValueId};
use crate::inference::int8::kernels::Isa;
use crate::inference::int8::lower::lower;
use crate::inference::int8::operator::Region;
use crate::inference::int8::patterns;
use crate::inference::int8::program::Program;
use crate::inference::int8::recognise::{Constants, Recognised, numbers, recognise};
use crate::inference::int8::team::Team;

/// Replaces the quantised regions of a model that was just made of ONNX (not yet decluttered) by the engine's operator.
/// Returns why nodes that looked quantised were left to tract.
///
/// # Errors
/// When tract cannot put a region in place; the model is then of no use.
pub fn replace(model: &mut TypedModel, isa: Isa, team: Option<&Arc<Team>>) -> TractResult<Vec<String>> {
    let mut left_out = BTreeSet::new();
    let mut reasons = Vec::new();
    // a node that the engine cannot lower where it stands is left to tract, and regions are found anew
    let lowered = loop {
        let regions = find(model, &left_out)?;
        let mut lowered = Vec::new();
        let mut refused = None;
        for region in regions {
            match lower(&region.graph, isa) {
                Ok(program) => lowered.push((region, Arc::new(program))),
                Err(unsupported) => {
                    refused = region.node_named(model, &unsupported.node).map(|node| (node, unsupported));
                    break;
                }
            }
        }
        match refused {
            None => break lowered,
            Some((node, unsupported)) => {
                reasons.push(unsupported.to_string());
                left_out.insert(node);
            }
        }
    };
    *model = rebuilt(model, &lowered, team)?;
    Ok(reasons)
}

/// The program of a model that is one region and nothing else, with its inputs in the order of the model's.
pub fn whole(model: &TypedModel) -> Option<Arc<Program>> {
    let others = model.nodes.iter().filter(|node| !node.op_is::<TypedSource>() && !node.op_is::<Const>());
    let [node] = others.collect::<Vec<_>>()[..] else { return None };
    let region = node.op_as::<Region>()?;
    let inputs = node.inputs.as_slice() == model.inputs.as_slice();
    (inputs && model.outputs.as_slice() == [OutletId::new(node.id, 0)]).then(|| Arc::clone(region.program()))
}

/// Nodes that belong together.
struct Found {
    graph: Graph,
    nodes: Vec<usize>,
    inputs: Vec<OutletId>,
    outputs: Vec<OutletId>,
}

impl Found {
    fn node_named(&self, model: &TypedModel, name: &str) -> Option<usize> {
        let named = self.nodes.iter().copied().find(|&node| model.nodes[node].name == name);
        named.or_else(|| self.nodes.first().copied())
    }
}

fn find(model: &TypedModel, left_out: &BTreeSet<usize>) -> TractResult<Vec<Found>> {
    let order = model.eval_order()?;
    let constants = constants(model, &order);
    let mut recognised: HashMap<usize, Recognised> = HashMap::new();
    let mut level = vec![0_usize; model.nodes.len()];
    for &id in &order {
        let node = &model.nodes[id];
        if node.outputs.iter().enumerate().all(|(slot, _)| constants.contains_key(&OutletId::new(id, slot))) {
            continue;
        }
        let known = if left_out.contains(&id) { None } else { recognise(model, node, &constants) };
        // a region never depends on itself through a node outside: each such node begins a new level
        let before = node.inputs.iter().filter(|input| !constants.contains_key(input));
        level[id] = before
            .map(|input| level[input.node] + usize::from(known.is_some() && !recognised.contains_key(&input.node)))
            .max()
            .unwrap_or(0);
        if let Some(known) = known {
            recognised.insert(id, known);
        }
    }
    let groups = connected(&order, &recognised, &level);
    let worth =
        |nodes: &Vec<usize>| nodes.iter().any(|node| matches!(recognised[node].0, Op::Quantise(_) | Op::Dequantise(_)));
    let groups: Vec<Vec<usize>> = groups.into_iter().filter(worth).collect();
    let borrowed: BTreeSet<OutletId> =
        groups.iter().flat_map(|nodes| borrowed(nodes, &recognised)).map(|id| recognised[&id].1[0]).collect();
    Ok(groups.into_iter().map(|nodes| build(model, nodes, &borrowed, &recognised, &constants)).collect())
}

/// What is known beforehand, folded as far as tract can.
fn constants(model: &TypedModel, order: &[usize]) -> Constants {
    let mut constants = Constants::new();
    for &id in order {
        let node = &model.nodes[id];
        for (slot, output) in node.outputs.iter().enumerate() {
            if let Some(tensor) = &output.fact.konst {
                constants.insert(OutletId::new(id, slot), tensor.clone());
            }
        }
        let inputs: Option<TVec<TValue>> =
            node.inputs.iter().map(|input| constants.get(input).map(|tensor| tensor.clone().into_tvalue())).collect();
        let known = constants.contains_key(&OutletId::new(id, 0));
        if let (Some(inputs), false, false) = (inputs, known, node.inputs.is_empty())
            && let Ok(Some(outputs)) = node.op.eval_out_of_plan(inputs)
        {
            for (slot, output) in outputs.into_iter().enumerate() {
                constants.insert(OutletId::new(id, slot), output.into_arc_tensor());
            }
        }
    }
    constants
}

/// Recognised nodes of one level that are linked, in order.
fn connected(order: &[usize], recognised: &HashMap<usize, Recognised>, level: &[usize]) -> Vec<Vec<usize>> {
    let mut group: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &id in order {
        let Some((_, operands)) = recognised.get(&id) else { continue };
        let mut mine = groups.len();
        groups.push(vec![id]);
        group.insert(id, mine);
        for operand in operands {
            let Some(&other) = group.get(&operand.node) else { continue };
            if level[operand.node] != level[id] || other == mine {
                continue;
            }
            let (keep, give) = (mine.min(other), mine.max(other));
            let moved = std::mem::take(&mut groups[give]);
            for &node in &moved {
                group.insert(node, keep);
            }
            groups[keep].extend(moved);
            mine = keep;
        }
    }
    let place: HashMap<usize, usize> = order.iter().enumerate().map(|(place, &id)| (id, place)).collect();
    groups.retain(|nodes| !nodes.is_empty());
    for nodes in &mut groups {
        nodes.sort_by_key(|node| place[node]);
    }
    groups
}

/// Dequantising nodes of other regions whose results these nodes use: they take them over quantised.
fn borrowed(nodes: &[usize], recognised: &HashMap<usize, Recognised>) -> BTreeSet<usize> {
    let operands = nodes.iter().flat_map(|id| &recognised[id].1).map(|operand| operand.node);
    let others = operands.filter(|id| !nodes.contains(id));
    others.filter(|id| matches!(recognised.get(id), Some((Op::Dequantise(_), _)))).collect()
}

fn build(
    model: &TypedModel,
    nodes: Vec<usize>,
    wanted: &BTreeSet<OutletId>,
    recognised: &HashMap<usize, Recognised>,
    constants: &Constants,
) -> Found {
    let inside: BTreeSet<usize> = nodes.iter().copied().collect();
    let mut graph = Graph::default();
    let mut values: HashMap<OutletId, ValueId> = HashMap::new();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let shape = |outlet: OutletId| -> Vec<usize> {
        let fact = model.outlet_fact(outlet).ok();
        fact.and_then(|fact| fact.shape.as_concrete()).map(<[usize]>::to_vec).unwrap_or_default()
    };
    let outside = |outlet: OutletId| match model.outlet_fact(outlet).map(|fact| fact.datum_type) {
        Ok(DatumType::U8) => Outside::Unsigned,
        Ok(DatumType::I8) => Outside::Signed,
        _ => Outside::Float,
    };
    let borrowed = borrowed(&nodes, recognised);
    for &id in borrowed.iter().chain(&nodes) {
        let (op, operands) = &recognised[&id];
        let mut ids = Vec::new();
        for &operand in operands {
            let value = *values.entry(operand).or_insert_with(|| {
                let constant = constants.get(&operand).and_then(numbers).map(Arc::new);
                let known = constant.is_some();
                let value = graph.add_value(&shape(operand), constant);
                if !known {
                    graph.values[value].outside = outside(operand);
                    graph.inputs.push(value);
                    inputs.push(operand);
                }
                value
            });
            ids.push(value);
        }
        let outlet = OutletId::new(id, 0);
        let output = graph.add_value(&shape(outlet), None);
        graph.values[output].outside = outside(outlet);
        values.insert(outlet, output);
        let name = model.nodes[id].name.clone();
        graph.nodes.push(Node { name, op: op.clone(), inputs: ids, output });
        let successors = &model.nodes[id].outputs[0].successors;
        let leaves = successors.iter().any(|inlet| !inside.contains(&inlet.node));
        if !borrowed.contains(&id) && (leaves || wanted.contains(&outlet) || model.outputs.contains(&outlet)) {
            graph.outputs.push(output);
            outputs.push(outlet);
        }
    }
    patterns::simplify(&mut graph);
    Found { graph, nodes, inputs, outputs }
}

/// The model with an operator in the place of each region.
fn rebuilt(model: &TypedModel, regions: &[(Found, Arc<Program>)], team: Option<&Arc<Team>>) -> TractResult<TypedModel> {
    let region_of: HashMap<usize, usize> = regions
        .iter()
        .enumerate()
        .flat_map(|(region, (found, _))| found.nodes.iter().map(move |&node| (node, region)))
        .collect();
    let mut target = TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() };
    let mut moved: HashMap<OutletId, OutletId> = HashMap::new();
    let mut placed = vec![false; regions.len()];
    // what waits for a region that waits for something else is tried again
    let mut waiting = model.eval_order()?;
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for id in waiting {
            let node = &model.nodes[id];
            let region = region_of.get(&id).copied();
            let inputs = region.map_or(node.inputs.as_slice(), |region| regions[region].0.inputs.as_slice());
            if region.is_some_and(|region| placed[region]) {
                continue;
            }
            let Some(inputs) = inputs.iter().map(|input| moved.get(input).copied()).collect::<Option<Vec<_>>>() else {
                later.push(id);
                continue;
            };
            let (outlets, wires): (Vec<OutletId>, TVec<OutletId>) = if let Some(region) = region {
                let (found, program) = &regions[region];
                placed[region] = true;
                let facts = found.outputs.iter().map(|&output| model.outlet_fact(output).cloned());
                let operator = Region::new(Arc::clone(program), facts.collect::<TractResult<_>>()?, team.cloned());
                (found.outputs.clone(), target.wire_node(format!("int8.{region}"), operator, &inputs)?)
            } else {
                let outlets = (0..node.outputs.len()).map(|slot| OutletId::new(id, slot)).collect();
                let wires = if node.op_is::<TypedSource>() {
                    tvec!(target.add_source(node.name.clone(), node.outputs[0].fact.clone())?)
                } else {
                    target.wire_node(node.name.clone(), node.op.clone(), &inputs)?
                };
                (outlets, wires)
            };
            moved.extend(outlets.into_iter().zip(wires));
        }
        if later.len() == before {
            bail!("regions wait for each other");
        }
        waiting = later;
    }
    let new = |outlets: &[OutletId]| -> TractResult<Vec<OutletId>> {
        outlets.iter().map(|outlet| moved.get(outlet).copied().context("an outlet is lost")).collect()
    };
    target.set_input_outlets(&new(model.input_outlets()?)?)?;
    let outputs = new(model.output_outlets()?)?;
    target.select_output_outlets(&outputs)?;
    for (&old, new) in model.output_outlets()?.iter().zip(outputs) {
        if let Some(label) = model.outlet_label(old) {
            target.set_outlet_label(new, label.to_string())?;
        }
    }
    // what only the nodes of regions used is gone
    target.compact()?;
    Ok(target)
}
