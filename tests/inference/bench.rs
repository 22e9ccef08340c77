//! A folder of small signed packages: a classifier that answers to brightness and position, and a detector that
//! answers to brightness. Small enough to be computed by hand, real enough to pass through the whole engine.

use std::fs;
use std::path::{Path, PathBuf};

use minisign::{KeyPair, SecretKey};
use spinewatch::inference::{TrustedKeys, sign_package};
use tempfile::TempDir;

use crate::onnx::{self, floats, integers, node, node_with};

/// Rows and columns of the test networks' input.
pub const SIZE: usize = 16;
/// Boxes of the test detector.
pub const BOXES: usize = 3;
/// Manifest of the classifier.
pub const CLASSIFIER: &str = r#"format = 1
name = "classifier"
kind = "vertebra-classifier"
version = "0.1.0"
model = "model.onnx"
trained_on = "nothing"
intended_use = "tests"
[input]
name = "image"
shape = [1, 3, 16, 16]
[metadata]
name = "metadata"
shape = [1, 3]
fields = ["image_position_m", "slice_ratio", "slice_ratio_known"]
[preprocessing]
window_center_hu = 127.5
window_width_hu = 255.0
resize = "area"
neighbours = "adjacent"
mean = 0.0
std = 1.0
[output]
name = "probabilities"
shape = [1, 7]
classes = ["C1","C2","C3","C4","C5","C6","C7"]
[operating_point]
thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
gate = 0.3
[golden]
cases = 2
tolerance = 0.001
"#;
/// Manifest of the detector.
pub const DETECTOR: &str = r#"format = 1
name = "detector"
kind = "fracture-detector"
version = "0.2.0"
model = "model.onnx"
trained_on = "nothing"
intended_use = "tests"
[input]
name = "image"
shape = [1, 3, 16, 16]
[preprocessing]
window_center_hu = 127.5
window_width_hu = 255.0
resize = "area"
neighbours = "none"
mean = 0.0
std = 1.0
[output]
name = "output0"
shape = [1, 5, 3]
classes = ["fracture"]
[operating_point]
score = 0.25
nms_iou = 0.5
finding_score = 0.5
[golden]
cases = 2
tolerance = 0.001
"#;

/// Seven outputs by six inputs: mean of the channels above, this, below; position in m; ratio; ratio known.
pub const WEIGHTS: [[f32; 6]; 7] = [
    [4.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 4.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 4.0, 0.0, 0.0, 0.0],
    [0.0, 2.0, 0.0, 8.0, 0.0, 0.0],
    [0.0, 2.0, 0.0, 0.0, 2.0, 0.0],
    [0.0, 2.0, 0.0, 0.0, 0.0, 1.5],
    [1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
];
/// Added to each of the seven.
pub const BIAS: f32 = -1.5;

/// The classifier, computed by hand.
pub fn classify(brightness: [f32; 3], metadata: [f32; 3]) -> [f32; 7] {
    let inputs: Vec<f32> = brightness.into_iter().chain(metadata).collect();
    WEIGHTS.map(|row| {
        let logit: f32 = row.iter().zip(&inputs).map(|(w, v)| w * v).sum::<f32>() + BIAS;
        1.0 / (1.0 + (-logit).exp())
    })
}

/// The detector, computed by hand: two boxes that overlap and one that is never read.
pub fn detect(brightness: f32) -> [f32; 5 * BOXES] {
    let score = brightness;
    [8.0, 8.5, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0, score, 0.5 * score, 0.0]
}

/// The classifier as ONNX: 1 x 1 convolution (identity), global average, concatenation, matrix product, sigmoid.
pub fn classifier_onnx() -> Vec<u8> {
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let transposed: Vec<f32> = (0..6).flat_map(|input| WEIGHTS.map(|row| row[input])).collect();
    onnx::model(
        &[
            node("Conv", &["image", "identity"], "convolved", &[("kernel_shape", &[1, 1])]),
            node("GlobalAveragePool", &["convolved"], "pooled", &[]),
            node_with("Flatten", &["pooled"], "flat", "axis", 1),
            node_with("Concat", &["flat", "metadata"], "joined", "axis", 1),
            node("Gemm", &["joined", "weights", "bias"], "logits", &[]),
            node("Sigmoid", &["logits"], "probabilities", &[]),
        ],
        &[
            floats("identity", &[3, 3, 1, 1], &identity),
            floats("weights", &[6, 7], &transposed),
            floats("bias", &[7], &[BIAS; 7]),
        ],
        &[("image", &[1, 3, SIZE, SIZE]), ("metadata", &[1, 3])],
        ("probabilities", &[1, 7]),
    )
}

/// The detector as ONNX: fixed boxes plus brightness times a mask.
pub fn detector_onnx() -> Vec<u8> {
    let at = |brightness: f32| detect(brightness);
    let mask: Vec<f32> = at(1.0).iter().zip(at(0.0)).map(|(one, zero)| one - zero).collect();
    onnx::model(
        &[
            node("ReduceMean", &["image"], "mean", &[("axes", &[1, 2, 3])]),
            node("Reshape", &["mean", "scalar"], "brightness", &[]),
            node("Mul", &["brightness", "mask"], "scores", &[]),
            node("Add", &["scores", "boxes"], "output0", &[]),
        ],
        &[
            integers("scalar", &[1, 1, 1]),
            floats("mask", &[1, 5, BOXES], &mask),
            floats("boxes", &[1, 5, BOXES], &at(0.0)),
        ],
        &[("image", &[1, 3, SIZE, SIZE])],
        ("output0", &[1, 5, BOXES]),
    )
}

/// As `numpy.save` writes it.
pub fn npy(descr: &str, shape: &[usize], body: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|d| format!("{d}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), body].concat()
}

fn npy_floats(shape: &[usize], values: &[f32]) -> Vec<u8> {
    npy("<f4", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

/// A models folder with a key of its own.
pub struct Bench {
    pub dir: TempDir,
    pub keys: TrustedKeys,
    pub secret: SecretKey,
}

impl Bench {
    /// With both packages, signed.
    pub fn new() -> Self {
        let bench = Self::empty();
        bench.write("classifier", CLASSIFIER, &classifier_onnx());
        bench.write("detector", DETECTOR, &detector_onnx());
        bench
    }

    /// Without a package.
    pub fn empty() -> Self {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let keys = TrustedKeys::of_signer(&pair.sk).unwrap();
        Self { dir: TempDir::new().unwrap(), keys, secret: pair.sk }
    }

    pub fn package(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes and signs a package with the golden cases of its kind.
    pub fn write(&self, folder: &str, manifest: &str, onnx: &[u8]) {
        let package = self.package(folder);
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("package.toml"), manifest).unwrap();
        fs::write(package.join("model.onnx"), onnx).unwrap();
        let classifier = manifest.contains("vertebra-classifier");
        for (case, level) in [0_u8, 204].into_iter().enumerate() {
            write_case(&package.join(format!("golden/{case}")), level, classifier);
        }
        self.sign(folder);
    }

    pub fn sign(&self, folder: &str) {
        sign_package(&self.package(folder), &self.secret).unwrap();
    }

    /// Signs a list of one's own making.
    pub fn sign_text(&self, folder: &str, list: &str) {
        let signature = minisign::sign(None, &self.secret, list.as_bytes(), None, None).unwrap();
        fs::write(self.package(folder).join("digest.txt"), list).unwrap();
        fs::write(self.package(folder).join("digest.txt.minisig"), signature.into_string()).unwrap();
    }
}

fn write_case(folder: &Path, level: u8, classifier: bool) {
    fs::create_dir_all(folder).unwrap();
    let brightness = f32::from(level) / 255.0;
    fs::write(folder.join("image.npy"), npy("|u1", &[3, SIZE, SIZE], &[level; 3 * SIZE * SIZE])).unwrap();
    let expected = if classifier {
        let metadata = [0.125, 0.5, 1.0];
        fs::write(folder.join("metadata.npy"), npy_floats(&[1, 3], &metadata)).unwrap();
        npy_floats(&[1, 7], &classify([brightness; 3], metadata))
    } else {
        npy_floats(&[1, 5, BOXES], &detect(brightness))
    };
    fs::write(folder.join("expected.npy"), expected).unwrap();
}

/// Every file of a folder, relative.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
