//! Baseline and extended sequential DCT, processes 1, 2 and 4 (ITU-T T.81 annexes A and F): 8 and 12 bits, one component.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use super::super::{ENDS_EARLY, Fault, Result, Words};
use super::Header;
use super::huffman::{Bits, Table};
use crate::dicom::image::Image;

/// Where the coefficients of the zigzag sequence lie in a block of 8 rows.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

type Block = [f32; 64];

pub fn decode(header: &Header, image: &Image) -> Result<Words> {
    let (rows, columns) = (usize::from(image.rows), usize::from(image.columns));
    let (down, across) = (rows.div_ceil(8), columns.div_ceil(8));
    // a block takes two bits at least
    if header.entropy.len().saturating_mul(4) < down * across {
        return Err(ENDS_EARLY);
    }
    let mut blocks = Blocks {
        bits: Bits::new(header.entropy),
        dc: header.dc_table()?,
        ac: header.ac_table()?,
        steps: header.quantisation_steps()?.map(f32::from),
        last_dc: 0,
    };
    let basis = basis();
    let top = (1u16 << header.precision) - 1;
    let middle = f32::from(1u16 << (header.precision - 1));
    let mut words = vec![0; image.plane_pixels()];
    for index in 0..down * across {
        if header.restart_interval > 0 && index > 0 && index.is_multiple_of(header.restart_interval) {
            blocks.restart()?;
        }
        let samples = inverse_dct(&blocks.next()?, &basis);
        let (y0, x0) = (index / across * 8, index % across * 8);
        let width = (columns - x0).min(8);
        let lines = words[y0 * columns..].chunks_mut(columns).take(8);
        for (line, samples) in lines.zip(samples.chunks_exact(8)) {
            for (word, sample) in line[x0..x0 + width].iter_mut().zip(samples) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the precision")]
                let level = (sample + middle).round().clamp(0.0, f32::from(top)) as u16;
                *word = level;
            }
        }
    }
    Ok(Words { words, bits: image.bits_stored })
}

struct Blocks<'a> {
    bits: Bits<'a>,
    dc: Table,
    ac: Table,
    steps: [f32; 64],
    last_dc: i32,
}

impl Blocks<'_> {
    /// The dequantised coefficients of the next block.
    fn next(&mut self) -> Result<Block> {
        let mut block = [0.0; 64];
        let size = self.bits.symbol(&self.dc)?;
        if size > 15 {
            return Err(Fault::Broken("has a coefficient of more than 15 bits"));
        }
        // bounded, so that no stream can make it overflow
        self.last_dc = (self.last_dc + self.bits.extended(size)).clamp(-(1 << 16), 1 << 16);
        block[0] = self.last_dc as f32 * self.steps[0];
        let mut k = 1;
        while k < 64 {
            let symbol = self.bits.symbol(&self.ac)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 0x0F);
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => break,
                _ => {
                    k += run;
                    let value = self.bits.extended(size) as f32;
                    let (&place, step) =
                        ZIGZAG.get(k).zip(self.steps.get(k)).ok_or(Fault::Broken("has a run beyond its block"))?;
                    block[usize::from(place)] = value * step;
                    k += 1;
                }
            }
        }
        self.bits.check()?;
        Ok(block)
    }

    fn restart(&mut self) -> Result<()> {
        self.last_dc = 0;
        self.bits.restart()
    }
}

/// `basis[u * 8 + x]`: the cosine of frequency `u` at `x`, normalised (A.3.3).
fn basis() -> Block {
    let mut basis = [0.0; 64];
    for (i, value) in basis.iter_mut().enumerate() {
        let (u, x) = ((i / 8) as f32, (i % 8) as f32);
        let scale = if i < 8 { FRAC_1_SQRT_2 } else { 1.0 };
        *value = 0.5 * scale * ((2.0 * x + 1.0) * u * PI / 16.0).cos();
    }
    basis
}

/// Rows, then columns.
fn inverse_dct(coefficients: &Block, basis: &Block) -> Block {
    let mut half = [0.0; 64];
    for (line, out) in coefficients.chunks_exact(8).zip(half.chunks_exact_mut(8)) {
        for (coefficient, wave) in line.iter().zip(basis.chunks_exact(8)).filter(|(c, _)| **c != 0.0) {
            out.iter_mut().zip(wave).for_each(|(out, wave)| *out += coefficient * wave);
        }
    }
    let mut samples = [0.0; 64];
    for (line, wave) in half.chunks_exact(8).zip(basis.chunks_exact(8)) {
        for (weight, out) in wave.iter().zip(samples.chunks_exact_mut(8)) {
            out.iter_mut().zip(line).for_each(|(out, value)| *out += weight * value);
        }
    }
    samples
}
