//! Two clocks, read together: what the wall says and what the processor spent.

use std::ops::Sub;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall: Instant,
    cpu: Duration,
}

impl Moment {
    /// Now; the processor time is that of all threads of this process.
    pub fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let part = |n: i64| u64::try_from(n).unwrap_or(0);
        let cpu = Duration::from_secs(part(cpu.tv_sec)) + Duration::from_nanos(part(cpu.tv_nsec));
        Self { wall: Instant::now(), cpu }
    }

    /// From this moment until now.
    pub fn elapsed(self) -> Lap {
        Self::now() - self
    }
}

impl Sub for Moment {
    type Output = Lap;

    fn sub(self, earlier: Self) -> Lap {
        let cpu = self.cpu.saturating_sub(earlier.cpu);
        Lap { cpu_ms: ms(cpu), wall_ms: ms(self.wall.saturating_duration_since(earlier.wall)) }
    }
}

/// What one run took, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lap {
    /// Of the processor, all threads together.
    pub cpu_ms: f64,
    /// On the wall.
    pub wall_ms: f64,
}

/// A duration in milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
