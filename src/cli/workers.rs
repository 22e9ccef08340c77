//! How many slices a verb analyses at the same time.

use std::num::NonZeroUsize;

use clap::Args;

/// The option `--workers`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Workers {
    /// Slices analysed at the same time. Default: one a core.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

impl Workers {
    /// As given, else one a core.
    pub fn count(self) -> NonZeroUsize {
        self.workers.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}
