//! Deflated data sets: compressed bytes in, at most `limit` bytes out. Memory grows with what was really inflated.

use flate2::{Decompress, FlushDecompress, Status};

use crate::dicom::rejection::Rejection;

/// Memory grows in these steps, not by doubling: the cap is the cap.
const STEP: usize = 1 << 20;

/// Inflates a raw deflate stream (PS3.5 section A.5).
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, Rejection> {
    let mut stream = Decompress::new(false);
    let mut out = Vec::new();
    loop {
        if out.len() == out.capacity() {
            if out.len() >= limit {
                return Err(Rejection::InflatedTooLarge { limit });
            }
            out.reserve_exact(STEP.min(limit - out.len()).min(compressed.len().saturating_mul(8).max(4096)));
        }
        let (read, written) = (stream.total_in(), out.len());
        let rest = usize::try_from(read).ok().and_then(|read| compressed.get(read..)).unwrap_or_default();
        let status = stream.decompress_vec(rest, &mut out, FlushDecompress::None).map_err(|_| Rejection::Deflate)?;
        match status {
            Status::StreamEnd => return Ok(out),
            _ if out.len() == out.capacity() => {}
            _ if stream.total_in() == read && out.len() == written => return Err(Rejection::EndsInDeflate),
            _ => {}
        }
    }
}
