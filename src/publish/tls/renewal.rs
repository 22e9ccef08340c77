//! The files in force and the files as they are now in; whether to go over to them out. Pure.

use super::files::{Bytes, TlsError};
use super::material::Material;

/// What a look at the files found.
pub(super) enum Look {
    /// What is in force.
    Unchanged,
    /// Others, and they belong together.
    Renewed(Box<Material>),
    /// Others that cannot be used, and why: half written, or wrong.
    Broken(String),
}

/// Decides. `parse` is only called for bytes that have changed.
pub(super) fn decide(
    in_use: &Material,
    seen: Result<Bytes, TlsError>,
    parse: impl FnOnce(&Bytes) -> Result<Material, TlsError>,
) -> Look {
    match seen {
        Ok(bytes) if bytes.digest() == in_use.digest() => Look::Unchanged,
        Ok(bytes) => match parse(&bytes) {
            Ok(material) => Look::Renewed(Box::new(material)),
            Err(error) => Look::Broken(error.to_string()),
        },
        Err(error) => Look::Broken(error.to_string()),
    }
}
