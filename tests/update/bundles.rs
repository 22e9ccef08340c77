//! Bundles by the real `rauc bundle`, signed by keys that are made for the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

pub const BOARD: &str = "spinewatch-virtual-aarch64";

/// Somebody who signs.
pub struct Signer {
    certificate: PathBuf,
    key: PathBuf,
}

impl Signer {
    pub fn new(dir: &Path, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signer = Self { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
        std::fs::write(&signer.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&signer.key, key.serialize_pem()).unwrap();
        signer
    }

    /// RAUC's configuration of a board that trusts this signer.
    pub fn system_conf(&self, dir: &Path) -> PathBuf {
        let path = dir.join("system.conf");
        let text = format!(
            "[system]\ncompatible={BOARD}\nbootloader=uboot\n\n[keyring]\npath={}\n\n\
             [slot.rootfs.0]\ndevice=/dev/null\nbootname=A\n\n[slot.rootfs.1]\ndevice=/dev/null\nbootname=B\n",
            self.certificate.display()
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Makes a bundle with a payload of some 700 KiB: a hash tree of two levels.
    pub fn bundle(&self, to: &Path, compatible: &str, version: &str, format: &str) {
        let content = tempfile::tempdir().unwrap();
        let mut state = 1_u64;
        let payload = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        std::fs::write(content.path().join("rootfs.ext4"), payload.take(700_000).collect::<Vec<u8>>()).unwrap();
        let manifest = format!(
            "[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat={format}\n\n\
             [image.rootfs]\nfilename=rootfs.ext4\n"
        );
        std::fs::write(content.path().join("manifest.raucm"), manifest).unwrap();
        let output = Command::new("rauc")
            .arg("--cert")
            .arg(&self.certificate)
            .arg("--key")
            .arg(&self.key)
            .arg("--keyring")
            .arg(&self.certificate)
            .arg("bundle")
            .args([content.path(), to])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Where the parts of a bundle begin: hash tree, signature, length.
pub fn parts(bundle: &[u8]) -> (usize, usize, usize) {
    let trailer = bundle.len() - 8;
    let size = usize::try_from(u64::from_be_bytes(bundle[trailer..].try_into().unwrap())).unwrap();
    let signature = trailer - size;
    // 129 to 16384 blocks: one hash block for the leaves' block digests, and one for each 128 leaves
    let blocks = signature / 4096;
    let tree = (1..blocks).find(|tree| *tree == 1 + (blocks - tree).div_ceil(128)).unwrap();
    (signature - tree * 4096, signature, trailer)
}
