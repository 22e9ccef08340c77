//! A prepared program on disk, so that a second start reads packed weights instead of reading and lowering ONNX.
//!
//! `SPWPREP1`, SHA-256 of all that follows, length of the description, description (JSON), weights and constants. The
//! file's name holds the digest of the package, the version of the program and the instruction set; a file that is
//! damaged or of another make is not used, and is written anew. It is no more trusted than the folder that it lies in:
//! the golden cases of the package are run on it as on any other.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::inference::int8::kernels::{Aligned, Isa, Packed, Shape};
use crate::inference::int8::program::{Place, Port, Program, Step};

/// How many programs are kept.
const KEPT: usize = 8;

const MAGIC: &[u8; 8] = b"SPWPREP1";

/// What is written beside the numbers.
#[derive(Serialize, Deserialize)]
struct Description {
    isa: Isa,
    steps: Vec<Step>,
    buffers: Vec<Place>,
    byte_slots: Vec<usize>,
    real_slots: Vec<usize>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    layers: Vec<Shape>,
    constants: Vec<usize>,
}

/// Where the program of a package lies in a folder of prepared programs.
pub fn path(folder: &Path, package_digest: &str, isa: Isa) -> PathBuf {
    folder.join(format!("{package_digest}-{}-{}.prepared", env!("CARGO_PKG_VERSION"), isa.name()))
}

/// Writes a program, at once or not at all.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(path: &Path, program: &Program) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let Program { isa, steps, buffers, byte_slots, real_slots, constants, layers, inputs, outputs } = program;
    let description = Description {
        isa: *isa,
        steps: steps.clone(),
        buffers: buffers.clone(),
        byte_slots: byte_slots.clone(),
        real_slots: real_slots.clone(),
        inputs: inputs.clone(),
        outputs: outputs.clone(),
        layers: layers.iter().map(|layer| layer.shape).collect(),
        constants: constants.iter().map(Vec::len).collect(),
    };
    let description = serde_json::to_vec(&description)?;
    let mut bytes = (description.len() as u64).to_le_bytes().to_vec();
    bytes.extend(description);
    for layer in layers {
        bytes.extend(layer.weights.as_slice());
        bytes.extend(layer.bias.iter().flat_map(|bias| bias.to_le_bytes()));
        bytes.extend(layer.scale.iter().flat_map(|scale| scale.to_le_bytes()));
    }
    bytes.extend(constants.iter().flatten().flat_map(|number| number.to_le_bytes()));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(MAGIC)?;
    file.write_all(&Sha256::digest(&bytes))?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    forget_old(folder);
    Ok(())
}

/// Keeps the newest programs only: packages and versions of before leave theirs behind.
fn forget_old(folder: &Path) {
    let of = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
    let found = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(of);
    let mut found: Vec<_> =
        found.filter(|(_, path)| path.extension().is_some_and(|ending| ending == "prepared")).collect();
    found.sort();
    for (_, path) in found.iter().rev().skip(KEPT) {
        let _ = fs::remove_file(path);
    }
}

/// Reads a program; `None` where there is none that can be used.
pub fn read(path: &Path, isa: Isa) -> Option<Program> {
    let bytes = fs::read(path).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (digest, rest) = rest.split_at_checked(32)?;
    if Sha256::digest(rest).as_slice() != digest {
        return None;
    }
    let (len, rest) = rest.split_first_chunk::<8>()?;
    let (description, mut rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    let description: Description = serde_json::from_slice(description).ok()?;
    let Description { steps, buffers, byte_slots, real_slots, inputs, outputs, .. } = description;
    if description.isa != isa {
        return None;
    }
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at_checked(len)?;
        rest = left;
        Some(taken)
    };
    let mut layers = Vec::new();
    for shape in description.layers {
        let padded = shape.cout.next_multiple_of(16);
        let weights = Aligned::from(take(shape.packed_len(isa))?);
        let bias = words(take(padded * 4)?).map(i32::from_le_bytes).collect();
        let scale = words(take(padded * 4)?).map(f32::from_le_bytes).collect();
        layers.push(Packed { isa, shape, weights, bias, scale });
    }
    let mut constants = Vec::new();
    for len in description.constants {
        constants.push(words(take(len.checked_mul(4)?)?).map(f32::from_le_bytes).collect());
    }
    Some(Program { isa, steps, buffers, byte_slots, real_slots, constants, layers, inputs, outputs })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks::<4>().0.iter().copied()
}
