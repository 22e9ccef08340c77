//! Lossless JPEG, processes 14 and 14 SV1 (ITU-T T.81 annex H): all seven predictors, 2 to 16 bits.

use super::super::{ENDS_EARLY, Fault, Result, Words};
use super::Header;
use super::huffman::{Bits, Table};
use crate::dicom::image::Image;

pub fn decode(header: &Header, image: &Image) -> Result<Words> {
    let columns = usize::from(image.columns);
    let shift = header.point_transform;
    if shift >= header.precision || !(1..=7).contains(&header.start) {
        return Err(Fault::Broken("has a predictor or point transform that does not exist"));
    }
    // a sample takes one bit at least
    if header.entropy.len().saturating_mul(8) < image.plane_pixels() {
        return Err(ENDS_EARLY);
    }
    let table = header.dc_table()?;
    let mut bits = Bits::new(header.entropy);
    let mut words = vec![0; image.plane_pixels()];
    let interval = header.restart_interval;
    if !interval.is_multiple_of(columns) {
        return Err(Fault::Broken("restarts within a row"));
    }
    let rows_between = interval / columns;
    for row in 0..usize::from(image.rows) {
        let restarts = rows_between > 0 && row.is_multiple_of(rows_between);
        if restarts && row > 0 {
            bits.restart()?;
        }
        let (done, rest) = words.split_at_mut(row * columns);
        let above = if row == 0 || restarts { None } else { Some(&done[done.len() - columns..]) };
        let first = match above {
            Some(above) => above[0],
            None => 1 << (header.precision - shift - 1),
        };
        decode_row(&mut bits, &table, header.start, above, first, &mut rest[..columns])?;
        bits.check()?;
    }
    for word in &mut words {
        *word <<= shift;
    }
    Ok(Words { words, bits: image.bits_stored })
}

/// Decodes one row. The first one is predicted from the left, and the first sample of the others from above (H.1.2.1).
fn decode_row(
    bits: &mut Bits,
    table: &Table,
    predictor: u8,
    above: Option<&[u16]>,
    first: u16,
    row: &mut [u16],
) -> Result<()> {
    let mut left = first;
    for x in 0..row.len() {
        let prediction = match above {
            Some(above) if x > 0 => predict(predictor, left, above[x], above[x - 1]),
            _ => left,
        };
        left = prediction.wrapping_add(difference(bits, table)?);
        row[x] = left;
    }
    Ok(())
}

/// Table H.1; arithmetic is modulo 2^16, halves are shifted with their sign.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "modulo 2^16 by the standard")]
fn predict(predictor: u8, a: u16, b: u16, c: u16) -> u16 {
    let [a, b, c] = [a, b, c].map(i32::from);
    let prediction = match predictor {
        1 => a,
        2 => b,
        3 => c,
        4 => a + b - c,
        5 => a + ((b - c) >> 1),
        6 => b + ((a - c) >> 1),
        _ => (a + b) >> 1,
    };
    prediction as u16
}

/// H.1.2.2: category 16 stands for 32768 and has no bits of its own.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "modulo 2^16 by the standard")]
fn difference(bits: &mut Bits, table: &Table) -> Result<u16> {
    match bits.symbol(table)? {
        16 => Ok(1 << 15),
        size @ 0..=15 => Ok(bits.extended(size) as u16),
        _ => Err(Fault::Broken("has a difference of more than 16 bits")),
    }
}
