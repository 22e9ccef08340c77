//! JPEG lossless, process 14 (ITU-T T.81 annex H): pixels of up to 16 bits in, one code stream out.
//!
//! One fixed Huffman table fits CT noise well enough; nothing is searched for.

/// Selection value: how a pixel is predicted from its left (a), upper (b) and upper left (c) neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    /// a: process 14, selection value 1.
    Left = 1,
    /// a + b - c.
    Plane = 4,
}

/// Categories of differences in the order of their codes: the likely ones first.
const CATEGORIES: [u8; 17] = [4, 5, 3, 6, 2, 0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/// How many codes there are of 1 to 16 bits; the code of ones alone stays free.
const CODES_OF_LENGTH: [u8; 16] = [0, 0, 6, 2, 2, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];

/// Code and length of each category.
fn codes() -> [(u32, u8); 17] {
    let mut table = [(0, 0); 17];
    let (mut code, mut next) = (0, CATEGORIES.iter());
    for (length, count) in (1_u8..).zip(CODES_OF_LENGTH) {
        for category in next.by_ref().take(usize::from(count)) {
            table[usize::from(*category)] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    table
}

/// Bits into bytes, a zero after each 255.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u64,
    count: u8,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u8) {
        self.waiting = (self.waiting << count) | u64::from(bits);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = ((self.waiting >> self.count) & 0xFF).to_le_bytes()[0];
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let missing = (8 - self.count) % 8;
        self.put((1 << missing) - 1, missing);
        self.bytes
    }
}

/// One frame of `columns` x `rows` pixels of `precision` bits; bits above are ignored.
pub(super) fn encode(pixels: &[u16], columns: u16, rows: u16, precision: u8, predictor: Predictor) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    // Frame header: lossless, sequential, Huffman; one component without subsampling.
    out.extend([0xFF, 0xC3, 0, 11, precision]);
    out.extend(rows.to_be_bytes());
    out.extend(columns.to_be_bytes());
    out.extend([1, 1, 0x11, 0]);
    out.extend([0xFF, 0xC4, 0, 19 + 17, 0]);
    out.extend(CODES_OF_LENGTH);
    out.extend(CATEGORIES);
    out.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, predictor as u8, 0, 0]);
    out.extend(scan(pixels, usize::from(columns), precision, predictor));
    out.extend([0xFF, 0xD9]);
    out
}

fn scan(pixels: &[u16], columns: usize, precision: u8, predictor: Predictor) -> Vec<u8> {
    let mask = u16::MAX >> (16 - precision);
    let at = |i: usize| pixels[i] & mask;
    let codes = codes();
    let mut bits = Bits::default();
    for i in 0..pixels.len() {
        let prediction = match (i / columns, i % columns) {
            (0, 0) => 1 << (precision - 1),
            (0, _) => at(i - 1),
            (_, 0) => at(i - columns),
            _ if predictor == Predictor::Left => at(i - 1),
            _ => at(i - 1).wrapping_add(at(i - columns)).wrapping_sub(at(i - columns - 1)),
        };
        let difference = at(i).wrapping_sub(prediction).cast_signed();
        let size = difference.unsigned_abs();
        let category = (16 - size.leading_zeros()) as usize;
        let (code, length) = codes[category];
        bits.put(code, length);
        // 32768 is its own category without further bits (H.1.2.2).
        if (1..16).contains(&category) {
            let low = if difference < 0 { difference.wrapping_sub(1) } else { difference }.cast_unsigned();
            let count = u8::try_from(category).unwrap_or(0);
            bits.put(u32::from(low) & ((1 << count) - 1), count);
        }
    }
    bits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_prefix_free_and_never_all_ones() {
        let codes = codes();
        for (i, (code, length)) in codes.iter().enumerate() {
            assert!(*length > 0 && *code < (1 << length) - 1, "category {i}");
            for (other, longer) in codes.iter().skip(i + 1) {
                let (short, long) = (length.min(longer), length.max(longer));
                let (a, b) = if length <= longer { (code, other) } else { (other, code) };
                assert_ne!(*a, b >> (long - short), "category {i}");
            }
        }
    }

    #[test]
    fn a_flat_image_costs_three_bits_a_pixel() {
        let bytes = encode(&[2048; 64 * 64], 64, 64, 12, Predictor::Left);
        assert!(bytes.len() < 64 * 64 * 3 / 8 + 80, "{}", bytes.len());
    }
}
