//! Promises of the optional third package: it is proven like the others, it says where it looks, and what the device does
//! without it is what it does with it.

use std::fs;

use spinewatch::inference::{Analyser, Choice, Package, SecondOpinion, TractEngine, load};
use spinewatch::triage::Level;

use crate::bench::{Bench, CLASSIFIER, SIZE, npy};
use crate::onnx::{self, floats, node, node_with};

/// Channels of the feature map: the image as it is, and upside down in brightness.
const WEIGHTS: [[f32; 2]; 7] = [[6.0, 0.0], [0.0, 6.0], [3.0, 3.0], [-6.0, 0.0], [0.0, -6.0], [0.0, 0.0], [6.0, -6.0]];
const BIAS: f32 = -2.0;
const CASES: [u8; 2] = [0, 204];

fn fractured(brightness: f32) -> [f32; 7] {
    WEIGHTS.map(|[plain, inverse]| {
        let logit = plain * brightness + inverse * (1.0 - brightness) + BIAS;
        1.0 / (1.0 + (-logit).exp())
    })
}

/// A 1 x 1 convolution as feature map, its mean, one linear layer, sigmoid.
fn network() -> Vec<u8> {
    let transposed: Vec<f32> = (0..2).flat_map(|channel| WEIGHTS.map(|row| row[channel])).collect();
    onnx::model_of(
        &[
            node("Conv", &["image", "kernel", "offset"], "features", &[("kernel_shape", &[1, 1])]),
            node("GlobalAveragePool", &["features"], "pooled", &[]),
            node_with("Flatten", &["pooled"], "flat", "axis", 1),
            node("Gemm", &["flat", "weights", "bias"], "logits", &[]),
            node("Sigmoid", &["logits"], "probabilities", &[]),
        ],
        &[
            floats("kernel", &[2, 3, 1, 1], &[1.0, 0.0, 0.0, -1.0, 0.0, 0.0]),
            floats("offset", &[2], &[0.0, 1.0]),
            floats("weights", &[2, 7], &transposed),
            floats("bias", &[7], &[BIAS; 7]),
        ],
        &[("image", &[1, 3, SIZE, SIZE])],
        &[("probabilities", &[1, 7]), ("features", &[1, 2, SIZE, SIZE])],
    )
}

fn manifest(name: &str) -> String {
    let text = CLASSIFIER.replace("vertebra-classifier", "fracture-classifier").replace("\ngate = 0.3", "");
    let text = text.replace("name = \"classifier\"", &format!("name = \"{name}\"")).replace("adjacent", "none");
    let (before, after) = text.split_once("[metadata]").unwrap();
    let (_, after) = after.split_once("[preprocessing]").unwrap();
    let features =
        "[features]\nname = \"features\"\nshape = [1, 2, 16, 16]\nweights = \"head.npy\"\nbias = \"bias.npy\"\n";
    format!("{before}{features}[preprocessing]{after}")
}

fn npy_floats(shape: &[usize], values: &[f32]) -> Vec<u8> {
    npy("<f4", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

fn write(bench: &Bench, name: &str) {
    let package = bench.package(name);
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.toml"), manifest(name)).unwrap();
    fs::write(package.join("model.onnx"), network()).unwrap();
    fs::write(package.join("head.npy"), npy_floats(&[7, 2], WEIGHTS.as_flattened())).unwrap();
    fs::write(package.join("bias.npy"), npy_floats(&[7], &[BIAS; 7])).unwrap();
    for (case, level) in CASES.into_iter().enumerate() {
        let folder = package.join(format!("golden/{case}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("image.npy"), npy("|u1", &[3, SIZE, SIZE], &[level; 3 * SIZE * SIZE])).unwrap();
        let expected = fractured(f32::from(level) / 255.0);
        fs::write(folder.join("expected.npy"), npy_floats(&[1, 7], &expected)).unwrap();
    }
    bench.sign(name);
}

fn second(bench: &Bench) -> Result<Option<SecondOpinion>, String> {
    let folders = ["classifier", "detector", "third", "fourth"].map(|name| bench.package(name));
    let there = folders.iter().filter(|folder| folder.is_dir());
    let mut loaded = there.map(|folder| load(folder, &bench.keys, &TractEngine::default()).unwrap()).collect();
    SecondOpinion::take(&mut loaded)
}

fn analyser(bench: &Bench) -> Analyser {
    Analyser::open(bench.dir.path(), &Choice::default(), &bench.keys, &TractEngine::default()).unwrap()
}

#[test]
fn a_third_package_changes_nothing_of_what_the_device_says() {
    let bench = Bench::new();
    let said = |analyser: &Analyser| analyser.worker().analyse(&crate::lone(analyser, 200)).unwrap().evidence;
    let before = analyser(&bench);
    write(&bench, "third");
    let after = analyser(&bench);
    assert!(after.refused().is_empty(), "{:?}", after.refused());
    assert_eq!(before.models(), after.models());
    assert_eq!(said(&before), said(&after));
}

#[test]
fn a_broken_third_package_is_refused_like_any_other() {
    let bench = Bench::new();
    write(&bench, "third");
    // a head of another network: the map no longer leads to what the network says
    fs::write(bench.package("third").join("head.npy"), npy_floats(&[7, 2], &[1.0; 14])).unwrap();
    bench.sign("third");
    let analyser = analyser(&bench);
    assert_eq!(analyser.models().len(), 2);
    let [refusal] = analyser.refused() else { panic!("{:?}", analyser.refused()) };
    assert!(refusal.why.contains("computes another network"), "{}", refusal.why);
    fs::remove_file(bench.package("third").join("bias.npy")).unwrap();
    bench.sign("third");
    let error = Package::open(&bench.package("third"), &bench.keys).unwrap_err().to_string();
    assert!(error.contains("bias.npy is listed"), "{error}");
}

#[test]
fn it_says_what_is_fractured_and_where_it_looks() {
    let bench = Bench::new();
    write(&bench, "third");
    let mut slice = crate::slice(0, 10.0);
    // bright on the right
    slice.hounsfield.chunks_exact_mut(64).for_each(|row| row[32..].fill(255));
    let opinion = second(&bench).unwrap().unwrap().of_slice(&slice).unwrap();
    let apart = opinion.probabilities.iter().zip(fractured(0.5)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{apart}");
    assert_eq!(opinion.said, fractured(0.5).map(|p| p >= 0.5));
    let heat = |level: Level| [0.1, 0.9].map(|across| opinion.heat[level as usize].at(0.5, across));
    assert_eq!(heat(Level::C1), [0.0, 1.0], "what is bright speaks for C1");
    assert_eq!(heat(Level::C2), [1.0, 0.0], "what is dark speaks for C2");
    assert_eq!(heat(Level::C4), [0.0, 0.0], "nothing speaks for C4");
}

#[test]
fn of_two_fracture_classifiers_none_is_taken() {
    let bench = Bench::new();
    assert!(second(&bench).unwrap().is_none());
    write(&bench, "third");
    write(&bench, "fourth");
    let error = second(&bench).err().unwrap();
    assert!(error.contains("several fracture-classifier packages (third, fourth)"), "{error}");
}
