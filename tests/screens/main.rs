//! What the screens promise: nothing clipped, alarms in time and colour, the right screen at the right moment, pictures as agreed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod alarms;
mod colours;
mod decisions;
mod drawing;
mod goldens;
mod layout;
mod worst;
