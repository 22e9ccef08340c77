//! An outage of 24 hours.
