//! The arithmetic of the int8 engine, one back end per instruction set, chosen at start by what the processor has.
//!
//! The only place with `unsafe`. Every back end gives bit for bit what [`scalar`] gives, for every shape: sums are
//! whole numbers, and each sum is scaled, rounded half to even and saturated in the same single-precision steps.

#[cfg(target_arch = "aarch64")]
mod aarch64_depthwise;
#[cfg(target_arch = "aarch64")]
mod aarch64_dot;
#[cfg(target_arch = "aarch64")]
mod aarch64_i8mm;
#[cfg(target_arch = "aarch64")]
mod aarch64_neon;
#[cfg(target_arch = "aarch64")]
mod aarch64_store;
mod aligned;
mod isa;
mod layer;
mod map;
#[cfg(target_arch = "aarch64")]
mod map_aarch64;
pub mod peak;
#[cfg(target_arch = "aarch64")]
mod peak_aarch64;
pub mod rows;
mod scalar;
#[cfg(test)]
mod tests;
pub mod vector;
#[cfg(target_arch = "x86_64")]
mod x86_avx2;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;
#[cfg(target_arch = "x86_64")]
mod x86_avxvnni;
#[cfg(target_arch = "x86_64")]
mod x86_ymm;
#[cfg(target_arch = "x86_64")]
mod x86_zmm;

pub use aligned::Aligned;
pub use isa::Isa;
use layer::pack_product;
pub use layer::{Blocking, Kind, Layer, Packed, READ_AHEAD, Shape, pack};
pub use map::{map, map_in_place};

/// One run of a layer over rows of input.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The layer.
    pub layer: Layer<'a>,
    /// For each output row its `taps` inputs, in the order of the taps: where `cin` bytes of one pixel begin (for a
    /// depthwise layer the `cout` bytes of its channels). A pixel outside the image points to a run of zero points.
    pub rows: &'a [*const u8],
    /// Added to every sum of an output row before it is scaled; one per row.
    pub row_bias: Option<&'a [i32]>,
    /// What becomes of the sums.
    pub store: Store<'a>,
}

/// What becomes of the sums of a layer. Exactly `cout` values are written per row, nothing between rows.
#[derive(Clone, Copy, Debug)]
pub enum Store<'a> {
    /// `table[saturate(round_half_even(sum * scale) + zero)]`, or without a table what stands inside its brackets.
    Quantised {
        /// The first value of the first row.
        out: *mut u8,
        /// From row to row, bytes.
        stride: usize,
        /// The zero point of the result.
        zero: u8,
        /// An activation, applied to the quantised value.
        table: Option<&'a [u8; 256]>,
    },
    /// `sum * scale`, in single precision.
    Float {
        /// The first value of the first row.
        out: *mut f32,
        /// From row to row, values.
        stride: usize,
    },
}

impl Job<'_> {
    /// Output rows.
    pub fn count(&self) -> usize {
        self.rows.len() / self.layer.shape.taps
    }

    /// Runs it on the instruction set that the layer was packed for.
    ///
    /// # Safety
    /// Every pointer of `rows` has `cin` (depthwise: `cout`) bytes plus [`READ_AHEAD`] behind it that can be read;
    /// the store has room for `count` rows of `cout` values at its stride, and no input lies in it; the layer was
    /// packed for an instruction set that this processor has (see [`Isa::available`]).
    #[allow(unsafe_code, reason = "the contract above")]
    pub unsafe fn run(&self) {
        debug_assert_eq!(self.rows.len() % self.layer.shape.taps, 0);
        debug_assert!(self.row_bias.is_none_or(|bias| bias.len() == self.count()));
        match self.layer.isa {
            // SAFETY: the caller's promises are those of the back end.
            Isa::Scalar => unsafe { scalar::run(self) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::Neon => unsafe { aarch64_neon::run(self) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::NeonDot => unsafe { aarch64_dot::run(self) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::NeonI8mm => unsafe { aarch64_i8mm::run(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { x86_avx2::run(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::AvxVnni => unsafe { x86_avxvnni::run(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512Vnni => unsafe { x86_avx512::run(self) },
            #[allow(unreachable_patterns, reason = "other processors' instruction sets")]
            isa => unreachable!("{isa:?} is of another processor"),
        }
    }
}
