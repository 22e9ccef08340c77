//! RLE lossless (PS3.5 annex G): 16-bit pixels in, one frame of PackBits segments out.

/// One frame; `columns` pixels to a row, for no run crosses a row.
pub(super) fn encode(pixels: &[u16], columns: usize) -> Vec<u8> {
    let high = segment(pixels, columns, |p| p.to_be_bytes()[0]);
    let low = segment(pixels, columns, |p| p.to_be_bytes()[1]);
    let mut frame = Vec::with_capacity(64 + high.len() + low.len());
    // Sixteen numbers: how many segments, and where each begins.
    let second = 64 + u32::try_from(high.len()).unwrap_or(u32::MAX);
    for number in [2, 64, second].into_iter().chain([0; 13]) {
        frame.extend(number.to_le_bytes());
    }
    frame.extend(high);
    frame.extend(low);
    frame
}

fn segment(pixels: &[u16], columns: usize, byte: impl Fn(u16) -> u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / 2);
    for row in pixels.chunks(columns.max(1)) {
        let row: Vec<u8> = row.iter().map(|p| byte(*p)).collect();
        pack(&row, &mut out);
    }
    if !out.len().is_multiple_of(2) {
        out.push(0);
    }
    out
}

/// `PackBits`: count - 1 and that many bytes, or 257 - count and the byte to repeat; counts up to 128.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < row.len() {
        let run = run_length(&row[at..]);
        if run > 1 {
            out.extend([count(257 - run), row[at]]);
            at += run;
        } else {
            let mut end = at + 1;
            while end < row.len() && end - at < 128 && run_length(&row[end..]) < 3 {
                end += 1;
            }
            out.push(count(end - at - 1));
            out.extend(&row[at..end]);
            at = end;
        }
    }
}

fn run_length(bytes: &[u8]) -> usize {
    bytes.iter().take(128).take_while(|b| **b == bytes[0]).count()
}

fn count(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::pack;

    #[test]
    fn runs_and_literals_unpack_to_the_row() {
        let rows: [&[u8]; 5] = [&[7], &[1, 2, 3], &[5; 300], &[1, 1, 2, 2, 2, 9, 9, 9, 9, 1], &[0, 255].repeat(150)];
        for row in rows {
            let mut packed = Vec::new();
            pack(row, &mut packed);
            let (mut at, mut unpacked) = (0, Vec::new());
            while at < packed.len() {
                let n = usize::from(packed[at]);
                if n < 128 {
                    unpacked.extend(&packed[at + 1..at + 2 + n]);
                    at += n + 2;
                } else {
                    assert_ne!(n, 128, "128 means nothing");
                    unpacked.extend(vec![packed[at + 1]; 257 - n]);
                    at += 2;
                }
            }
            assert_eq!(unpacked, row);
        }
    }
}
