//! The device's own state: readiness, watchdog, disk, clock trust, metrics.
//!
//! [`Health`] is told what the stages know and reports it (pure, time is an argument); [`Sensors`] read the machine;
//! [`Watchdog`] decides whether systemd may be told that all stages tick; [`metrics`] says the report in Prometheus' words.

mod state;

mod report;

mod degraded;

mod rate;

mod clock;

mod sensors;

mod heartbeat;

mod systemd;

mod standing;

mod state_partition;

pub mod board;

pub mod metrics;

pub use clock::ClockTrust;
pub use degraded::Degraded;
pub use heartbeat::{Beat, Decision, Heartbeats, Watchdog};
pub use report::{Broker, Device, HealthReport, Model, Queues, Share, Status};
pub use sensors::{Disk, Memory, Sensed, Sensors, Temperature};
pub use standing::{Standing, StandingFile};
pub use state::{BrokerHealth, Health, Limits, ShareHealth};
pub use state_partition::{STATE as STATE_PARTITION, StatePartition};
pub use systemd::Notifier;
