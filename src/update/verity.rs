//! The dm-verity hash tree of a bundle: every block of the payload against the root hash that was signed. Pure.
//!
//! The format is the kernel's (Documentation/admin-guide/device-mapper/verity.rst), version 1, as RAUC appends it: blocks
//! of 4096 bytes, SHA-256 with the salt before the block, levels from the root down, no superblock.
//!
//! RAUC checks the signature over the root hash before it installs, and a block only when it is read, in the middle of
//! writing the slot. Here every block is read first.

use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

/// Bytes of a block, of data and of hashes.
pub const BLOCK: usize = 4096;
/// Bytes of a digest.
const DIGEST: usize = 32;
/// Blocks that are read at once.
const READ: usize = 64;

/// What the signed manifest says of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// `verity-hash`: digest of the topmost hash block.
    pub hash: [u8; DIGEST],
    /// `verity-salt`.
    pub salt: Vec<u8>,
    /// `verity-size`: bytes of the tree.
    pub size: u64,
}

/// Why the content is not what was signed.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// It cannot be read to its end.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// Payload and tree do not have the sizes that belong together.
    #[error("its content has {0} bytes, which do not go with a hash tree of {1} bytes")]
    Size(u64, u64),
    /// The hash tree is not the one that was signed.
    #[error("hash block {0} is not the one that was signed")]
    Tree(usize),
    /// A block of the payload is not the one that was signed.
    #[error("block {0} of {1} is not the one that was signed")]
    Block(u64, u64),
}

/// Reads payload and tree, `content` bytes from the start of `bundle`, and compares every block. `progress` hears how
/// many bytes of the payload are done.
///
/// # Errors
/// [`VerityError`], at the first block that does not hold.
pub fn check(
    bundle: &mut (impl Read + Seek),
    content: u64,
    root: &Root,
    progress: &mut dyn FnMut(u64),
) -> Result<(), VerityError> {
    let wrong_size = || VerityError::Size(content, root.size);
    let payload = content.checked_sub(root.size).ok_or_else(wrong_size)?;
    let blocks = payload / BLOCK as u64;
    let shape = Shape::of(blocks).ok_or_else(wrong_size)?;
    if !payload.is_multiple_of(BLOCK as u64) || shape.bytes() as u64 != root.size {
        return Err(wrong_size());
    }
    let mut tree = vec![0; shape.bytes()];
    bundle.seek(SeekFrom::Start(payload))?;
    bundle.read_exact(&mut tree)?;
    let leaves = shape.check(&tree, root)?;
    bundle.seek(SeekFrom::Start(0))?;
    let mut read = vec![0; READ * BLOCK];
    let mut expected = leaves.chunks_exact(DIGEST);
    let mut number = 0;
    while number < blocks {
        let now = usize::try_from(blocks - number).map_or(READ, |left| left.min(READ));
        bundle.read_exact(&mut read[..now * BLOCK])?;
        for block in read[..now * BLOCK].chunks_exact(BLOCK) {
            if expected.next() != Some(&digest(block, &root.salt)[..]) {
                return Err(VerityError::Block(number, blocks));
            }
            number += 1;
        }
        progress(number * BLOCK as u64);
    }
    Ok(())
}

/// How many hash blocks each level has, the topmost first.
struct Shape(Vec<usize>);

impl Shape {
    /// For so many blocks of data; `None` where there is no tree.
    fn of(blocks: u64) -> Option<Self> {
        let mut levels = Vec::new();
        let mut below = usize::try_from(blocks).ok()?;
        while below > 1 {
            below = below.div_ceil(BLOCK / DIGEST);
            levels.insert(0, below);
        }
        (!levels.is_empty()).then_some(Self(levels))
    }

    fn bytes(&self) -> usize {
        self.0.iter().sum::<usize>() * BLOCK
    }

    /// Each hash block against the level above it, the topmost against the root. Returns the lowest level: the digests
    /// of the blocks of data.
    fn check<'a>(&self, tree: &'a [u8], root: &'a Root) -> Result<&'a [u8], VerityError> {
        let mut above: &[u8] = &root.hash;
        let (mut rest, mut number) = (tree, 0);
        for blocks in &self.0 {
            let (level, lower) = rest.split_at(blocks * BLOCK);
            for (block, expected) in level.chunks_exact(BLOCK).zip(above.chunks_exact(DIGEST)) {
                if digest(block, &root.salt)[..] != *expected {
                    return Err(VerityError::Tree(number));
                }
                number += 1;
            }
            (above, rest) = (level, lower);
        }
        Ok(above)
    }
}

fn digest(block: &[u8], salt: &[u8]) -> [u8; DIGEST] {
    Sha256::new().chain_update(salt).chain_update(block).finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Cursor;

    use super::*;

    /// A payload of so many blocks with its tree, built from the leaves up.
    fn bundle(blocks: usize) -> (Vec<u8>, Root) {
        let salt = vec![7; 32];
        let data: Vec<u8> = (0..blocks * BLOCK).map(|i| u8::try_from((i / 7 + i / BLOCK) % 251).unwrap()).collect();
        let (mut tree, mut below) = (Vec::new(), data.clone());
        while below.len() > BLOCK {
            let mut level: Vec<u8> = below.chunks_exact(BLOCK).flat_map(|block| digest(block, &salt)).collect();
            level.resize(level.len().next_multiple_of(BLOCK), 0);
            tree.splice(0..0, level.iter().copied());
            below = level;
        }
        let root = Root { hash: digest(&below, &salt), salt, size: tree.len() as u64 };
        ([data, tree].concat(), root)
    }

    fn checked(content: &[u8], root: &Root) -> Result<(), VerityError> {
        check(&mut Cursor::new(content), content.len() as u64, root, &mut |_| ())
    }

    #[test]
    fn trees_of_one_two_and_three_levels_hold() {
        for (blocks, tree_blocks) in [(2, 1), (128, 1), (129, 3), (16_384, 129), (16_385, 132)] {
            let (content, root) = bundle(blocks);
            assert_eq!(root.size, tree_blocks * BLOCK as u64, "{blocks} blocks");
            checked(&content, &root).unwrap();
        }
    }

    #[test]
    fn one_bit_anywhere_in_payload_or_tree_is_found() {
        let (content, root) = bundle(300);
        for at in (0..content.len()).step_by(content.len() / 97) {
            let mut bad = content.clone();
            bad[at] ^= 0x10;
            let error = checked(&bad, &root).unwrap_err();
            let in_payload = at < 300 * BLOCK;
            let named = matches!(error, VerityError::Block(n, 300) if n == (at / BLOCK) as u64) == in_payload;
            assert!(named && (in_payload || matches!(error, VerityError::Tree(_))), "byte {at}: {error}");
        }
    }

    #[test]
    fn another_root_salt_or_size_does_not_hold() {
        let (content, root) = bundle(200);
        let mut other = root.clone();
        other.hash[31] ^= 1;
        assert!(matches!(checked(&content, &other), Err(VerityError::Tree(0))));
        assert!(matches!(checked(&content, &Root { salt: vec![8; 32], ..root.clone() }), Err(VerityError::Tree(0))));
        for size in [0, BLOCK as u64, root.size + BLOCK as u64, u64::MAX] {
            let wrong = Root { size, ..root.clone() };
            assert!(matches!(checked(&content, &wrong), Err(VerityError::Size(..))), "{size}");
        }
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_not_good() {
        let (content, root) = bundle(200);
        let length = content.len() as u64;
        for cut in [1, BLOCK, 2 * BLOCK, content.len() / 2] {
            let mut short = Cursor::new(&content[..content.len() - cut]);
            assert!(matches!(check(&mut short, length, &root, &mut |_| ()), Err(VerityError::Read(_))), "{cut}");
        }
    }
}
