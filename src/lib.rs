//! Spinewatch: scanner-side triage of suspected cervical spine fractures.
//!
//! The modules stand in the order in which a slice travels; reading this list from top to bottom
//! is reading the product. `appliance` is the one place that builds every stage and joins them.

pub mod config;

pub mod ingest;

pub mod dicom;

pub mod study;

pub mod preprocess;

pub mod inference;

pub mod triage;

pub mod store;

pub mod publish;

pub mod gpio;

pub mod display;

pub mod controls;

pub mod results;

pub mod health;

pub mod update;

mod published;

pub mod phantom;

pub mod appliance;

pub mod clinic;

pub mod evaluation;

pub mod cli;
