//! What analysed: the software with its version, and the model packages with their digests.

use serde_json::{Value, json};

use super::super::{StudyResult, ids};
use super::concept::identifier;
use crate::publish::PHANTOM_NOTICE;

/// The Device resource.
pub fn resource(result: &StudyResult) -> Value {
    let told = &result.told;
    let software = json!({ "type": { "text": "software" }, "value": env!("CARGO_PKG_VERSION") });
    let models = told.models.iter().map(|model| {
        json!({
            "type": { "text": format!("model package {}", model.name) },
            "component": identifier("model-package-sha-256", &model.digest),
            "value": model.version,
        })
    });
    let mut device = json!({
        "resourceType": "Device",
        "id": ids::uuid(&result.of_device("Device")),
        "identifier": [identifier("device", &format!("{}/{}", told.site, told.device))],
        "status": "active",
        "manufacturer": "Spinewatch",
        "deviceName": [{ "name": "Spinewatch", "type": "model-name" }],
        "version": std::iter::once(software).chain(models).collect::<Vec<_>>(),
        "note": [{ "text": told.not_for_diagnosis }],
    });
    if told.limitation.is_some() {
        device["safety"] = json!([{ "text": PHANTOM_NOTICE }]);
    }
    device
}
