//! The int8 engine gives what ONNX Runtime gives, on small networks that each show one pattern
//! (`tests/inference/int8`, written by `python -m spinewatch_training engine-fixtures`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "tests of numbers in range")]

use std::fs;
use std::path::{Path, PathBuf};

use spinewatch::inference::int8;
use spinewatch::inference::int8::kernels::Isa;
use tract_onnx::prelude::*;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inference/int8");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25);
    cases
}

/// The numbers of a file written by numpy: version 1, little endian, single precision.
fn numbers(path: &Path) -> Option<(Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(path).ok()?;
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    assert!(text.contains("'<f4'"), "{text}");
    let shape = text.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let shape = shape.split(',').filter_map(|extent| extent.trim().parse().ok()).collect();
    let values = bytes[10 + header..].chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
    Some((shape, values))
}

struct Case {
    onnx: Vec<u8>,
    inputs: Vec<Tensor>,
    outputs: Vec<Vec<f32>>,
    tolerances: Vec<f32>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let toml: toml::Table = fs::read_to_string(folder.join("case.toml")).unwrap().parse().unwrap();
        let files = |what: &str| {
            let name = |number: usize| if number == 1 { format!("{what}.npy") } else { format!("{what}{number}.npy") };
            (1..).map_while(|number| numbers(&folder.join(name(number)))).collect::<Vec<_>>()
        };
        let allowed = toml["tolerance_steps"].as_integer().unwrap() as f32;
        let step = |number: usize| {
            let key = if number == 1 { "output_step".to_owned() } else { format!("output{number}_step") };
            toml[&key].as_float().unwrap() as f32 * allowed
        };
        let outputs: Vec<_> = files("output").into_iter().map(|(_, values)| values).collect();
        Self {
            onnx: fs::read(folder.join("model.onnx")).unwrap(),
            inputs: files("input").iter().map(|(shape, values)| Tensor::from_shape(shape, values).unwrap()).collect(),
            tolerances: (1..=outputs.len()).map(step).collect(),
            outputs,
        }
    }

    /// The network with its regions replaced, and how many there are.
    fn model(&self, isa: Isa) -> TractResult<(TypedModel, usize)> {
        let mut proto = onnx().proto_model_for_read(&mut self.onnx.as_slice())?;
        int8::to_qdq(&mut proto);
        let mut model = onnx().model_for_proto_model(&proto)?.into_typed()?;
        let reasons = int8::replace(&mut model, isa, None)?;
        if !reasons.is_empty() {
            println!("    left to tract: {reasons:?}");
        }
        let regions = model.nodes.iter().filter(|node| node.op.name() == "Int8Region").count();
        Ok((model.into_decluttered()?, regions))
    }
}

#[test]
fn every_pattern_gives_what_onnx_runtime_gives() {
    let mut failures = Vec::new();
    for folder in fixtures() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case = Case::read(&folder);
        for isa in Isa::available() {
            let (model, regions) = match case.model(isa) {
                Ok(found) => found,
                Err(error) => {
                    failures.push(format!("{name}: {error:#}"));
                    break;
                }
            };
            let nodes = model.nodes.iter().filter(|node| !matches!(&*node.op.name(), "Source" | "Const")).count();
            let plan = model.into_runnable().unwrap();
            let outputs = plan.run(case.inputs.iter().map(|input| input.clone().into()).collect()).unwrap();
            assert_eq!(outputs.len(), case.outputs.len());
            for ((output, wanted), allowed) in outputs.iter().zip(&case.outputs).zip(&case.tolerances) {
                let found = output.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap();
                assert_eq!(found.len(), wanted.len(), "{name}");
                let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                println!("{name} {}: {regions} regions, {nodes} nodes, worst {:.2} steps", isa.name(), worst / allowed);
                if worst.is_nan() || worst > allowed * 1.001 {
                    failures.push(format!("{name} {}: {worst} where {allowed} is allowed", isa.name()));
                }
            }
            // LeakyRelu, a layer norm without a name, slices of several axes and linear resizing are tract's
            let divided = ["conv-clip", "layer-norm-spelled", "resize", "split-slice"];
            let divided = divided.iter().any(|known| name.starts_with(known));
            if regions != if divided { 2 } else { 1 } {
                failures.push(format!("{name}: {regions} regions"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
