//! `[accelerator]`: what may relieve the processor, and from when on it does not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Execution providers of ONNX Runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// ONNX Runtime's own kernels on the processor.
    Cpu,
    /// Arm Compute Library.
    Acl,
    /// Nvidia GPU.
    Cuda,
    /// Intel processor, GPU or NPU.
    Openvino,
    /// Qualcomm NPU.
    Qnn,
    /// Rockchip NPU of the RK1808 generation.
    Rknpu,
    /// Nvidia GPU, networks compiled at start.
    Tensorrt,
    /// VeriSilicon NPU.
    Vsinpu,
    /// XNNPACK's kernels on the processor.
    Xnnpack,
}

impl Provider {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Acl => "acl",
            Self::Cuda => "cuda",
            Self::Openvino => "openvino",
            Self::Qnn => "qnn",
            Self::Rknpu => "rknpu",
            Self::Tensorrt => "tensorrt",
            Self::Vsinpu => "vsinpu",
            Self::Xnnpack => "xnnpack",
        }
    }

    /// The options that it takes; `None` where ONNX Runtime itself checks their names.
    pub const fn options(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Cpu | Self::Rknpu | Self::Vsinpu => Some(&[]),
            Self::Acl => Some(&["enable_fast_math"]),
            Self::Cuda | Self::Openvino | Self::Qnn | Self::Tensorrt | Self::Xnnpack => None,
        }
    }
}

/// `[accelerator]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcceleratorSettings {
    /// What runs the networks; the processor alone when absent.
    pub provider: Option<Provider>,
    /// The shared library of ONNX Runtime that has this provider. Needed with `provider`.
    pub library: Option<PathBuf>,
    /// The provider's own options.
    pub options: BTreeMap<String, String>,
    /// An accelerator that has not answered after this long is given up.
    pub deadline_millis: u64,
    /// How long it may take to load one network.
    pub start_deadline_secs: u64,
    /// A network stays on the processor when a golden case takes longer than this share of the processor's time.
    pub slowest_ratio: f64,
}

impl Default for AcceleratorSettings {
    fn default() -> Self {
        Self {
            provider: None,
            library: None,
            options: BTreeMap::new(),
            deadline_millis: 1_000,
            start_deadline_secs: 60,
            slowest_ratio: 1.0,
        }
    }
}
