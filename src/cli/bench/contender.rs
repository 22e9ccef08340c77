//! Who is measured: the engines of this build, and ONNX Runtime in a process of its own. One list, one trait.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;

use super::clock::{Lap, Moment};
use super::python::{Peers, Python};
use super::subject::Subject;
use crate::inference::int8::Team;
use crate::inference::int8::kernels::Isa;
use crate::inference::{Engine, Int8, Model, Quantised, TractEngine};

/// A network that somebody has prepared for the input of its subject.
pub trait Contender {
    /// As it stands in the report.
    fn name(&self) -> String;

    /// Runs the network once.
    ///
    /// # Errors
    /// When it fails, or its process has ended.
    fn run(&mut self) -> anyhow::Result<Lap>;

    /// What the last run gave.
    ///
    /// # Errors
    /// When its process has ended.
    fn output(&mut self) -> anyhow::Result<Vec<f32>>;
}

/// A way to run a network, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The int8 engine, as the device runs it.
    Int8,
    /// tract's own operators on the quantised network.
    Tract,
    /// tract on the network without its quantisation, in single precision.
    TractF32,
    /// ONNX Runtime from Python.
    Ort,
}

/// The script of the peer.
const ORT: &str = "ort_engine.py";

/// What the ways need to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Python and the folder of the peers.
    pub peers: Peers,
    /// Threads of ONNX Runtime and of the int8 engine; tract uses one.
    pub threads: usize,
    /// For engines that have back ends to choose from.
    pub isa: Option<Isa>,
    /// Where files for a peer are written.
    pub scratch: PathBuf,
}

impl Way {
    /// How the device does it.
    pub const SHIPPED: Self = Self::Int8;

    /// The engine of this build that goes this way; `None` for a peer outside it. A new engine is entered here, and
    /// says in `isa` which instruction sets it can be told to use.
    fn engine(self, options: &Options) -> anyhow::Result<Option<Box<dyn Engine>>> {
        let quantised = match (self, options.isa) {
            (Self::Int8, isa) => {
                let team = (options.threads > 1).then(|| Team::new(options.threads)).transpose()?.map(Arc::new);
                Quantised::Int8(Int8 { isa: isa.unwrap_or_else(Isa::best), team, prepared: None })
            }
            (Self::Tract, None) => Quantised::Tract,
            (Self::TractF32, None) => Quantised::Reals,
            (Self::Ort, _) => return Ok(None),
            (Self::Tract | Self::TractF32, Some(isa)) => {
                bail!("tract chooses its kernels by itself: leave --isa {} out", isa.name())
            }
        };
        Ok(Some(Box::new(TractEngine { quantised })))
    }

    /// Whether this way can be gone at all, before anything is measured.
    ///
    /// # Errors
    /// When a package of the peer is missing, or the engine does not have the instruction set; with the cure.
    pub fn check(self, options: &Options) -> anyhow::Result<()> {
        if self.engine(options)?.is_none() {
            Python::start(&options.peers, ORT, options.threads)?.ask::<Ready>(&json!({ "do": "version" }))?;
        }
        Ok(())
    }

    /// Prepares the network of a subject.
    ///
    /// # Errors
    /// When the network cannot be prepared, or the peer cannot be started; with the cure.
    pub fn prepare(self, subject: &Subject, options: &Options) -> anyhow::Result<Box<dyn Contender>> {
        Ok(match self.engine(options)? {
            Some(engine) => Box::new(Ours::new(engine.as_ref(), subject, options.isa)?),
            None => Box::new(Ort::new(subject, options)?),
        })
    }
}

/// An engine of this build.
struct Ours {
    name: String,
    model: Box<dyn Model>,
    image: Vec<f32>,
    metadata: Option<Vec<f32>>,
    output: Vec<f32>,
}

impl Ours {
    fn new(engine: &dyn Engine, subject: &Subject, isa: Option<Isa>) -> anyhow::Result<Self> {
        let name = isa.map_or_else(|| engine.name().to_owned(), |isa| format!("{} {}", engine.name(), isa.name()));
        let model = engine.load(&subject.package).with_context(|| format!("{name} does not take {}", subject.name))?;
        let (image, metadata) = (subject.image.clone(), subject.metadata.clone());
        Ok(Self { name, model, image, metadata, output: Vec::new() })
    }
}

impl Contender for Ours {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&mut self) -> anyhow::Result<Lap> {
        let started = Moment::now();
        self.output = self.model.run(&self.image, self.metadata.as_deref())?;
        Ok(started.elapsed())
    }

    fn output(&mut self) -> anyhow::Result<Vec<f32>> {
        Ok(self.output.clone())
    }
}

/// ONNX Runtime in Python.
struct Ort {
    python: Python,
    version: String,
    output: PathBuf,
}

#[derive(Deserialize)]
struct Ready {
    version: String,
}

impl Ort {
    fn new(subject: &Subject, options: &Options) -> anyhow::Result<Self> {
        let mut python = Python::start(&options.peers, ORT, options.threads)?;
        let manifest = &subject.package.manifest;
        let mut inputs = vec![(&manifest.input.name, manifest.input.shape.to_vec(), &subject.image)];
        if let (Some(input), Some(values)) = (&manifest.metadata, &subject.metadata) {
            inputs.push((&input.name, input.shape.to_vec(), values));
        }
        let mut named = serde_json::Map::new();
        for (number, (name, shape, values)) in inputs.into_iter().enumerate() {
            let file = options.scratch.join(format!("input-{number}.f32"));
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
            named.insert(name.clone(), json!({ "file": file, "shape": shape }));
        }
        let request = json!({
            "do": "load", "file": subject.file, "inputs": named, "output": manifest.output.name, "threads": options.threads,
        });
        let Ready { version } = python.ask(&json!({ "do": "version" }))?;
        python.ask::<serde_json::Value>(&request)?;
        Ok(Self { python, version, output: options.scratch.join("output.f32") })
    }
}

impl Contender for Ort {
    fn name(&self) -> String {
        format!("onnxruntime {}", self.version)
    }

    fn run(&mut self) -> anyhow::Result<Lap> {
        self.python.ask(&json!({ "do": "run" }))
    }

    fn output(&mut self) -> anyhow::Result<Vec<f32>> {
        self.python.ask::<serde_json::Value>(&json!({ "do": "write", "file": self.output }))?;
        let bytes = std::fs::read(&self.output)?;
        Ok(bytes.as_chunks::<4>().0.iter().copied().map(f32::from_le_bytes).collect())
    }
}
