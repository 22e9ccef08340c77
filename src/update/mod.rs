//! What changes on a device after it was flashed, signed and undone where it does not hold.

pub mod models;
