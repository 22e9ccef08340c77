//! What is measured: the network of a package, or a bare ONNX file, with the one input that every contender gets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::cli::model_folders::ModelFolders;
use crate::inference::{
    ClassifierPoint, Golden, Graph, Head, ImageInput, Manifest, MetadataInput, Output, Package, Port,
};
use crate::preprocess::{Neighbours, Recipe, Resize};

/// Seed of the values that a bare ONNX file gets.
const SEED: u64 = 1;

/// A network and its input.
pub struct Subject {
    /// Of the package, or of the file.
    pub name: String,
    /// Where the ONNX file lies.
    pub file: PathBuf,
    /// As an engine takes it.
    pub package: Package,
    /// What the file says of itself.
    pub graph: Graph,
    /// The image, as the network takes it.
    pub image: Vec<f32>,
    /// The numbers beside it, where the network takes any.
    pub metadata: Option<Vec<f32>>,
}

impl Subject {
    /// Every package of a folder, with the image of its first golden case.
    ///
    /// # Errors
    /// When a package does not hold, or there is none.
    pub fn packages(folders: &ModelFolders) -> anyhow::Result<Vec<Self>> {
        let (dir, keys) = (folders.dir(), folders.trusted()?);
        let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        let mut found: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        found.retain(|folder| folder.join("package.toml").exists());
        found.sort();
        if found.is_empty() {
            bail!("no model package in {}: name a folder with --models, or a file with --onnx", dir.display());
        }
        found.iter().map(|folder| Self::of_package(folder, Package::open(folder, &keys)?)).collect()
    }

    fn of_package(folder: &Path, package: Package) -> anyhow::Result<Self> {
        let graph = Graph::read(&package.onnx).with_context(|| format!("cannot read {}", folder.display()))?;
        let case = package.golden.first().context("a package without a golden case")?;
        Ok(Self {
            name: package.manifest.name.clone(),
            file: folder.join(&package.manifest.model),
            image: package.manifest.preprocessing.normalised(&case.image),
            metadata: case.metadata.clone(),
            graph,
            package,
        })
    }

    /// A bare file: shapes from the graph, a smooth picture from a seed.
    ///
    /// # Errors
    /// When it is not ONNX, or takes something else than one image and at most one row of numbers.
    pub fn of_file(file: &Path) -> anyhow::Result<Self> {
        let onnx = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let graph = Graph::read(&onnx).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let manifest = manifest(&name, &graph).with_context(|| format!("cannot measure {}", file.display()))?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let image = picture(&mut random, manifest.input.shape);
        let metadata = manifest.metadata.as_ref().map(|input| vec![0.5; input.shape.iter().product()]);
        let package = Package::unverified(manifest, onnx);
        Ok(Self { name, file: file.to_owned(), package, graph, image, metadata })
    }
}

/// Waves and a little noise, about -1 to 1: as smooth as what networks for pictures are made for.
fn picture(random: &mut impl Rng, [_, channels, rows, columns]: [usize; 4]) -> Vec<f32> {
    let mut values = Vec::with_capacity(channels * rows * columns);
    for _ in 0..channels {
        let waves: [[f32; 3]; 4] =
            std::array::from_fn(|_| [0.0, 0.0, 0.0].map(|_: f32| random.random_range(-6.0..6.0)));
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let place = [y as f32 / rows as f32, x as f32 / columns as f32];
            let wave = |[down, across, phase]: [f32; 3]| {
                (std::f32::consts::TAU * (down * place[0] + across * place[1]) + phase).sin()
            };
            let sum: f32 = waves.into_iter().map(wave).sum();
            values.push(0.4 * sum + random.random_range(-0.05..0.05));
        }
    }
    values
}

/// A manifest with the shapes of the graph and nothing else to it.
fn manifest(name: &str, graph: &Graph) -> anyhow::Result<Manifest> {
    let (image, beside) = match graph.inputs.as_slice() {
        [image] => (image, None),
        [image, beside] => (image, Some(beside)),
        _ => bail!("takes {} inputs: one image and at most one row of numbers can be measured", graph.inputs.len()),
    };
    let extent = |port: &Port| format!("input {} is {:?}", port.name, port.shape);
    let shape = image.shape.as_slice().try_into();
    let shape: [usize; 4] = shape.with_context(|| format!("{}, not 1 x C x H x W", extent(image)))?;
    let metadata = beside.map(|port| -> anyhow::Result<MetadataInput> {
        let shape = port.shape.as_slice().try_into().with_context(|| format!("{}, not 1 x N", extent(port)))?;
        Ok(MetadataInput { name: port.name.clone(), shape, fields: Vec::new() })
    });
    Ok(Manifest {
        name: name.to_owned(),
        version: String::new(),
        model: String::new(),
        trained_on: String::new(),
        intended_use: String::new(),
        input: ImageInput { name: image.name.clone(), shape },
        metadata: metadata.transpose()?,
        preprocessing: Recipe {
            window_center_hu: 0.0,
            window_width_hu: 1.0,
            resize: Resize::Nearest,
            neighbours: Neighbours::None,
            mean: 0.0,
            std: 1.0,
            widest_field_mm: None,
        },
        output: Output { name: graph.output.name.clone(), shape: graph.output.shape.clone(), classes: Vec::new() },
        features: None,
        head: Head::Classifier(ClassifierPoint { thresholds: [0.5; 7], gate: 0.5 }),
        quantisation: None,
        metrics: BTreeMap::new(),
        golden: Golden { cases: 0, tolerance: 0.0 },
    })
}
