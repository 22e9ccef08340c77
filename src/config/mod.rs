//! TOML in, checked settings out.
