//! What the threads of the appliance share besides their channels: a clock, a stop flag, counters, heartbeats.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
