//! How many products the processor makes when nothing is loaded or stored: what a back end cannot exceed.
#![allow(unsafe_code, reason = "loops of vector instructions")]

use std::arch::asm;
use std::time::{Duration, Instant};

use crate::inference::int8::kernels::Isa;

/// Rounds between two looks at the clock.
const ROUNDS: u64 = 4096;

/// Billions of products per second on one core, over about `time`. The instructions are those of the back end; those
/// of [`Isa::Neon`] stand for [`Isa::Scalar`].
///
/// # Panics
/// If the processor does not have the instruction set.
pub(super) fn measure(isa: Isa, time: Duration) -> f64 {
    assert!(Isa::available().contains(&isa), "{isa:?}");
    let (run, products): (unsafe fn(u64), u64) = match isa {
        Isa::NeonI8mm => (usmmla, 24 * 32),
        Isa::NeonDot => (sdot, 24 * 16),
        Isa::Neon | Isa::Scalar => (smull, 8 * 16),
    };
    let start = Instant::now();
    let mut rounds = 0;
    loop {
        // SAFETY: the processor has the instructions.
        unsafe { run(ROUNDS) };
        rounds += ROUNDS;
        let passed = start.elapsed();
        if passed >= time {
            return (rounds * products) as f64 / passed.as_secs_f64() / 1e9;
        }
    }
}

/// # Safety
/// The processor has `usmmla`.
unsafe fn usmmla(rounds: u64) {
    // SAFETY: changes only registers that are named or given up.
    unsafe {
        asm!(
            ".arch_extension i8mm",
            "2:",
            ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
            "usmmla v\\n\\().4s, v30.16b, v31.16b",
            ".endr",
            "subs x9, x9, #1",
            "b.ne 2b",
            inout("x9") rounds => _,
            clobber_abi("C"),
            options(nomem, nostack),
        );
    }
}

/// # Safety
/// The processor has `sdot`.
unsafe fn sdot(rounds: u64) {
    // SAFETY: changes only registers that are named or given up.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "2:",
            ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
            "sdot v\\n\\().4s, v30.16b, v31.4b[0]",
            ".endr",
            "subs x9, x9, #1",
            "b.ne 2b",
            inout("x9") rounds => _,
            clobber_abi("C"),
            options(nomem, nostack),
        );
    }
}

/// Products in v10 to v17, sums in v20 to v27.
///
/// # Safety
/// None: every AArch64 processor has these instructions.
unsafe fn smull(rounds: u64) {
    // SAFETY: changes only registers that are named or given up.
    unsafe {
        asm!(
            "2:",
            ".irp n,0,1,2,3,4,5,6,7",
            "smull v1\\n\\().8h, v30.8b, v31.8b",
            ".endr",
            ".irp n,0,1,2,3,4,5,6,7",
            "smlsl2 v1\\n\\().8h, v30.16b, v31.16b",
            ".endr",
            ".irp n,0,1,2,3,4,5,6,7",
            "sadalp v2\\n\\().4s, v1\\n\\().8h",
            ".endr",
            "subs x9, x9, #1",
            "b.ne 2b",
            inout("x9") rounds => _,
            clobber_abi("C"),
            options(nomem, nostack),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_makes_products() {
        for isa in Isa::available() {
            assert!(measure(isa, Duration::from_millis(1)) > 0.0, "{isa:?}");
        }
    }
}
