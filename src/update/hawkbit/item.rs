//! A deployment in; the one file to install out, or why this device cannot carry it out. Pure.

use serde::{Deserialize, Serialize};

use super::ddi::{Artifact, Deployment};

/// No bundle is as large: more is a mistake, or malice.
const LARGEST: u64 = 16 << 30;

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A RAUC bundle with a system.
    System,
    /// A signed package of models.
    Models,
}

impl Kind {
    /// By the type of hawkBit's software module.
    fn of(part: &str) -> Option<Self> {
        match part {
            "os" | "bApp" => Some(Self::System),
            "models" => Some(Self::Models),
            _ => None,
        }
    }
}

/// The file to install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Name and version of the software module, for people.
    pub what: String,
    /// Bytes.
    pub size: u64,
    /// 64 hex digits in lower case.
    pub sha256: String,
}

impl Item {
    /// Its name in the download folder: by its content, so that no name of the server's gets near the file system.
    pub fn file_name(&self) -> String {
        let extension = match self.kind {
            Kind::System => "raucb",
            Kind::Models => "tar",
        };
        format!("{}.{extension}", self.sha256)
    }
}

/// What `deployment` is about, and where it lies. `plain` allows HTTP: the server itself is reached so.
///
/// # Errors
/// Why the device cannot carry it out, in one line for the server's operator.
pub fn of(deployment: &Deployment, plain: bool) -> Result<(Item, String), String> {
    let mut found = Vec::new();
    for chunk in &deployment.chunks {
        let Some(kind) = Kind::of(&chunk.part) else {
            return Err(format!(
                "the software module {} {} has the type {:?}: this device takes os, application (bApp) and models",
                chunk.name, chunk.version, chunk.part
            ));
        };
        found.extend(chunk.artifacts.iter().map(|artifact| (kind, chunk, artifact)));
    }
    let [(kind, chunk, artifact)] = found[..] else {
        return Err(format!("the distribution set holds {} files: this device installs exactly one", found.len()));
    };
    let what = format!("{} {}", chunk.name, chunk.version);
    check(artifact).map_err(|why| format!("{what}: {why}"))?;
    let url = artifact.download.as_ref().or_else(|| artifact.download_http.as_ref().filter(|_| plain));
    let url = url.ok_or_else(|| format!("{what}: the server offers no download over HTTPS"))?;
    let item = Item { kind, what, size: artifact.size, sha256: artifact.sha256.clone() };
    Ok((item, url.clone()))
}

fn check(artifact: &Artifact) -> Result<(), String> {
    let digest = &artifact.sha256;
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the server gives no SHA-256 of the file: hawkBit 0.3 or newer does".into());
    }
    if !(1..=LARGEST).contains(&artifact.size) {
        return Err(format!("the file has {} bytes: allowed are 1 to {LARGEST}", artifact.size));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::ddi::Chunk;
    use super::*;

    fn artifact() -> Artifact {
        Artifact {
            file: "../../etc/passwd".into(),
            size: 10,
            sha256: "ab".repeat(32),
            download: Some("https://h/a".into()),
            download_http: Some("http://h/a".into()),
        }
    }

    fn deployment(parts: &[&str], artifact: &Artifact) -> Deployment {
        let chunk = |part: &&str| Chunk {
            part: (*part).into(),
            name: "spinewatch".into(),
            version: "0.2.0".into(),
            artifacts: vec![artifact.clone()],
        };
        Deployment { download: true, install: true, chunks: parts.iter().map(chunk).collect() }
    }

    #[test]
    fn a_file_is_named_by_its_content_and_never_by_the_server() {
        let (item, url) = of(&deployment(&["os"], &artifact()), false).unwrap();
        assert_eq!(item.file_name(), format!("{}.raucb", "ab".repeat(32)));
        assert_eq!((item.what.as_str(), url.as_str()), ("spinewatch 0.2.0", "https://h/a"));
        let (models, _) = of(&deployment(&["models"], &artifact()), false).unwrap();
        assert_eq!((models.kind, models.file_name().ends_with(".tar")), (Kind::Models, true));
    }

    #[test]
    fn what_the_device_cannot_carry_out_is_refused_in_one_line() {
        let refused = |parts: &[&str], artifact: &Artifact| of(&deployment(parts, artifact), false).unwrap_err();
        assert!(refused(&[], &artifact()).contains("0 files"));
        assert!(refused(&["os", "bApp"], &artifact()).contains("2 files"));
        assert!(refused(&["jvm"], &artifact()).contains("\"jvm\""));
        assert!(refused(&["os"], &Artifact { sha256: "ab".into(), ..artifact() }).contains("SHA-256"));
        assert!(refused(&["os"], &Artifact { size: 0, ..artifact() }).contains("0 bytes"));
        assert!(refused(&["os"], &Artifact { size: u64::MAX, ..artifact() }).contains("allowed are"));
        let plain = Artifact { download: None, ..artifact() };
        assert!(refused(&["os"], &plain).contains("over HTTPS"));
        assert!(of(&deployment(&["os"], &plain), true).is_ok());
    }
}
