//! Instruction sets and how they are recognised.

use serde::{Deserialize, Serialize};

/// An instruction set with a back end of its own, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isa {
    /// Plain Rust: the reference, and the only one on processors without any of the others.
    Scalar,
    /// x86-64 with AVX2: products of widened 16-bit values, so that nothing saturates.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-VNNI: 256 bits, four products per lane and instruction.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// x86-64 with AVX-512 VNNI and VBMI: 512 bits, tables by permutation.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// AArch64 as every one of them is.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AArch64 with `sdot` (Armv8.2 dot product).
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// AArch64 with `smmla` (Armv8.6 int8 matrix product).
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
}

impl Isa {
    /// Those that this processor has, slowest first.
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2");
            if avx2 {
                found.push(Self::Avx2);
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                found.push(Self::AvxVnni);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
                && is_x86_feature_detected!("avx512vbmi")
            {
                found.push(Self::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            found.push(Self::Neon);
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                found.push(Self::NeonDot);
            }
            if std::arch::is_aarch64_feature_detected!("i8mm") {
                found.push(Self::NeonI8mm);
            }
        }
        found
    }

    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::available().into_iter().max().unwrap_or(Self::Scalar)
    }

    /// As it stands in reports and in the configuration: `avx512-vnni`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => "neon-dot",
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => "neon-i8mm",
        }
    }
}
