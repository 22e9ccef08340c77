//! Readiness, watchdog, disk, clock trust, metrics.
