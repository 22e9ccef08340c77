//! A key that was made in a PKCS#11 token and never leaves it. With SoftHSM, where it is installed; its library reads its
//! configuration from the environment, so that what needs it runs in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::version::{TLS12, TLS13};
use spinewatch::publish::Tls;
use spinewatch::publish::tls::{ClientFiles, ClientKey, TlsFiles, TokenKey};

use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::authority::{Authority, VALID};
use crate::front::Front;
use crate::mosquitto::program;

const PIN: &str = "1234";
/// Where the second process finds what the first has made.
const FOLDER: &str = "SPINEWATCH_TEST_TOKEN";

fn library() -> Option<PathBuf> {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"];
    places.into_iter().map(PathBuf::from).find(|library| library.exists())
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output =
        Command::new(program).args(arguments).env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// All that an authority sees of a key in a token.
struct PublicKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// A token with a pair of keys of each kind; the certificates for them, in ec.pem and rsa.pem. The commands are those of
/// `board/certificates.md`.
fn token(folder: &Path, library: &str) {
    std::fs::create_dir(folder.join("tokens")).unwrap();
    let tokens = format!("directories.tokendir = {}\n", folder.join("tokens").display());
    std::fs::write(folder.join("softhsm2.conf"), tokens).unwrap();
    std::fs::write(folder.join("pin"), format!("{PIN}\n")).unwrap();
    let init = ["--init-token", "--free", "--label", "spinewatch", "--pin", PIN, "--so-pin", "5678"];
    run(folder, "softhsm2-util", &init);
    let ours = Authority::new(folder, "devices-ca");
    ours.broker("broker", "localhost", VALID);
    let kinds = [
        ("ec", "EC:prime256v1", &PKCS_ECDSA_P256_SHA256),
        ("another", "EC:prime256v1", &PKCS_ECDSA_P256_SHA256),
        ("rsa", "rsa:2048", &PKCS_RSA_SHA256),
    ];
    for (label, kind, algorithm) in kinds {
        let login = ["--module", library, "--token-label", "spinewatch", "--login", "--pin", PIN];
        let make = ["--keypairgen", "--key-type", kind, "--label", label];
        run(folder, "pkcs11-tool", &[&login[..], &make[..]].concat());
        let public = folder.join(format!("{label}.der"));
        let read = ["--read-object", "--type", "pubkey", "--label", label, "--output-file", public.to_str().unwrap()];
        run(folder, "pkcs11-tool", &[&login[..], &read[..]].concat());
        let public = std::fs::read(public).unwrap();
        let (_, key) = SubjectPublicKeyInfo::from_der(&public).unwrap();
        let bytes = key.subject_public_key.data.into_owned();
        ours.client_for(label, "north/ct-2", &PublicKey { bytes, algorithm });
    }
}

#[test]
fn a_device_connects_with_a_key_that_never_leaves_its_token() {
    let Some(library) = library().filter(|_| program("softhsm2-util").is_some() && program("pkcs11-tool").is_some())
    else {
        eprintln!("skipped: no SoftHSM on this machine (apt-get install softhsm2 opensc)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    token(folder.path(), library.to_str().unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "token::with_the_token", "--nocapture"])
        .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn files(folder: &Path, certificate: &str, change: impl FnOnce(&mut TokenKey)) -> TlsFiles {
    let mut key = TokenKey {
        module: library().unwrap(),
        token: "spinewatch".into(),
        key: certificate.into(),
        pin_file: folder.join("pin"),
    };
    change(&mut key);
    let certificate = folder.join(format!("{certificate}.pem"));
    TlsFiles {
        ca: folder.join("devices-ca.pem"),
        crl: None,
        client: Some(ClientFiles { certificate, key: ClientKey::Token(key) }),
    }
}

#[tokio::test]
#[ignore = "run by a_device_connects_with_a_key_that_never_leaves_its_token"]
async fn with_the_token() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let refused = |change: fn(&mut TokenKey)| Tls::open(files(&folder, "ec", change)).err().unwrap().to_string();
    for (error, part) in [
        (refused(|key| key.token = "lost".into()), "no token is labelled \"lost\""),
        (refused(|key| key.key = "lost".into()), "no private key of the kind EC is labelled \"lost\""),
        (refused(|key| key.key = "rsa".into()), "no private key of the kind EC is labelled \"rsa\""),
        (refused(|key| key.key = "another".into()), "the token's key is not the key of the certificate"),
        (refused(|key| key.module = "/nonexistent.so".into()), "/nonexistent.so"),
        (refused(|key| key.pin_file = "/nonexistent".into()), "mqtt.pkcs11_pin_file"),
    ] {
        println!("{error}");
        assert!(error.starts_with("mqtt.pkcs11_module: ") && error.contains(part), "{error}");
    }
    for label in ["ec", "rsa"] {
        let tls = Tls::open(files(&folder, label, |_| {})).unwrap();
        for version in [&TLS12, &TLS13] {
            let front = Front::start_in(&folder, "devices-ca", "broker", version).await;
            let (code, words) = crate::attempt(&tls, "localhost", front.port).await;
            println!("{label} key in the token, {:?}: {code} {words}", version.version);
            assert_eq!((code.as_str(), front.seen().len()), ("connected", 1), "{words}");
        }
    }
}
