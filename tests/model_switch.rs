//! Promises of the switch of model packages: what does not hold is not installed, what was in use stays in use, and a
//! device whose installed package is damaged analyses with another and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation, reason = "tests")]
#![allow(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "tests")]

#[path = "inference/bench.rs"]
#[expect(dead_code, reason = "shared with the tests of the engine")]
mod bench;
#[path = "model_switch/daemon.rs"]
mod daemon;
#[path = "model_switch/device.rs"]
mod device;
#[path = "model_switch/hostile.rs"]
mod hostile;
#[path = "inference/onnx.rs"]
#[expect(dead_code, reason = "shared with the tests of the engine")]
mod onnx;
#[path = "model_switch/verbs.rs"]
mod verbs;

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use bench::{Bench, DETECTOR, detector_onnx};
use device::{Device, SHIPPED, detector_of, file, tar};
use rustix::fs::{FlockOperation, flock};
use spinewatch::update::models::SwitchError;

// the switch

#[test]
fn an_installed_package_is_what_the_next_start_uses_and_the_one_before_it_can_be_taken_back() {
    let device = Device::new();
    assert_eq!(device.runs(), SHIPPED);
    let packed = file(&device, "detector.tar", &tar(&device.detector("0.3.0")));
    let installed = device.install(&packed, false).unwrap();
    assert_eq!((installed.summary.version.as_str(), installed.golden.cases), ("0.3.0", 2));
    assert_eq!(installed.before.unwrap().version, SHIPPED);
    assert_eq!(device.runs(), "0.3.0");
    device.install(&device.detector("0.4.0"), false).unwrap();
    assert_eq!(device.runs(), "0.4.0");
    let mut story = Vec::new();
    for to_shipped in [false, false, false, true] {
        let back = device.rollback(to_shipped).unwrap();
        assert_eq!(back.summary.version, device.runs());
        story.push(back.summary.version);
    }
    assert_eq!(story, ["0.3.0", "0.4.0", "0.3.0", SHIPPED]);
    assert!(matches!(device.rollback(false), Err(SwitchError::NotInstalled { .. })));
    device.assert_clean();
}

#[test]
fn the_first_installation_is_taken_back_to_the_package_that_came_with_the_system() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    assert_eq!(device.rollback(false).unwrap().summary.version, SHIPPED);
    assert_eq!(device.runs(), SHIPPED);
    device.install(&device.detector("0.3.0"), false).expect("taken back is not known as newer");
    assert_eq!(device.runs(), "0.3.0");
}

#[test]
fn the_same_or_an_older_version_is_refused_unless_it_is_forced() {
    let device = Device::new();
    device.install(&device.detector("0.10.0"), false).unwrap();
    for older in ["0.10.0", "0.10.0+built.again", "0.9.9", "0.10.0-rc.1", "0.0.1", SHIPPED] {
        let error = device.install(&device.detector(older), false).unwrap_err();
        assert!(matches!(&error, SwitchError::NotNewer { have, .. } if have == "0.10.0"), "{older}: {error}");
        assert!(error.to_string().ends_with("--force installs it all the same"), "{error}");
        assert_eq!(device.runs(), "0.10.0");
    }
    device.install(&device.detector("0.9.9"), true).unwrap();
    assert_eq!(device.runs(), "0.9.9");
    let error = device.install(&device.detector("newest"), true).unwrap_err();
    assert!(matches!(error, SwitchError::Version { .. }), "{error}");
    device.assert_clean();
}

#[test]
fn a_package_forced_below_the_systems_counts_until_the_system_brings_another() {
    let device = Device::new();
    device.install(&device.detector("0.1.0"), true).unwrap();
    assert_eq!(device.runs(), "0.1.0");
    device.ship("0.2.1");
    assert_eq!(device.runs(), "0.2.1");
    assert!(matches!(device.rollback(false), Err(SwitchError::ShippedInUse { .. })));
}

#[test]
fn a_newer_package_that_comes_with_the_system_is_used_in_the_place_of_an_installed_one() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    device.ship("0.4.0");
    assert_eq!(device.runs(), "0.4.0");
    let error = device.install(&device.detector("0.3.5"), false).unwrap_err();
    assert!(matches!(error, SwitchError::NotNewer { have, .. } if have == "0.4.0"));
    device.install(&device.detector("0.5.0"), false).unwrap();
    assert_eq!(device.runs(), "0.5.0");
}

#[test]
fn a_detector_of_another_name_takes_over_from_the_systems_and_only_one_is_installed() {
    let device = Device::new();
    device.install(&device.named("site-detector", "0.0.1"), false).unwrap();
    assert_eq!(device.runs(), "0.0.1");
    let error = device.install(&device.detector("0.3.0"), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "detector is a fracture-detector, and so is site-detector, which is installed: go back to the system's first, \
         with `spinewatch models rollback site-detector --shipped`"
    );
    assert_eq!(device.runs(), "0.0.1");
}

#[test]
fn two_installations_at_the_same_time_do_not_meet() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    let lock = File::open(device.installed().join(".lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    assert!(matches!(device.install(&device.detector("0.4.0"), false), Err(SwitchError::Busy(_))));
    assert!(matches!(device.rollback(false), Err(SwitchError::Busy(_))));
    assert_eq!(device.runs(), "0.3.0");
    drop(lock);
    device.install(&device.detector("0.4.0"), false).unwrap();
}

// what is refused

#[test]
fn a_package_that_nobody_trusted_has_signed_is_refused() {
    let device = Device::new();
    let stranger = Bench::empty();
    stranger.write("detector", &DETECTOR.replace("0.2.0", "9.0.0"), &detector_onnx());
    let error = device.install(&stranger.package("detector"), true).unwrap_err().to_string();
    assert!(error.contains("which this device does not trust; install a package signed by a trusted key"), "{error}");
    fs::remove_file(stranger.package("detector").join("digest.txt.minisig")).unwrap();
    let error = device.install(&stranger.package("detector"), true).unwrap_err().to_string();
    assert!(error.contains("digest.txt.minisig is missing, so nothing vouches for it"), "{error}");
    assert_eq!(device.runs(), SHIPPED);
    device.assert_clean();
}

#[test]
fn a_package_whose_golden_cases_do_not_hold_here_is_refused_though_it_is_signed() {
    let device = Device::new();
    let package = device.detector("0.3.0");
    let expected = package.join("golden/1/expected.npy");
    let mut bytes = fs::read(&expected).unwrap();
    let score = bytes.len() - 4 * 3;
    bytes[score..score + 4].copy_from_slice(&0.1_f32.to_le_bytes());
    fs::write(&expected, bytes).unwrap();
    device.vendor.sign("detector-0.3.0");
    let error = device.install(&package, true).unwrap_err().to_string();
    assert!(error.contains("golden case 1"), "{error}");
    assert_eq!(device.runs(), SHIPPED);
    device.assert_clean();
}

#[test]
fn a_tar_is_refused_wherever_a_bit_of_the_package_has_changed() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    let good = tar(&device.detector("0.4.0"));
    let (mut refused, mut unharmed) = (0, 0);
    for at in (0..good.len()).step_by(61) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        match device.install(&file(&device, "bad.tar", &bad), false) {
            Err(SwitchError::Source { .. } | SwitchError::Refused(_)) => {
                refused += 1;
                device.assert_clean();
            }
            Err(other) => panic!("byte {at}: {other}"),
            // padding: no byte of the package; what was installed is what was signed, as it was verified after unpacking
            Ok(installed) => {
                unharmed += 1;
                assert_eq!(installed.summary.version, "0.4.0");
                device.rollback(false).unwrap();
            }
        }
        assert_eq!(device.runs(), "0.3.0", "byte {at}");
    }
    println!("{refused} changed tars refused, {unharmed} changed in padding only");
    assert!(refused > 50 && unharmed > 0);
}

#[test]
fn a_tar_that_ends_early_is_refused_wherever_it_ends() {
    let device = Device::new();
    let good = tar(&device.detector("0.3.0"));
    // two empty blocks end a tar, and all before them is needed
    let content = good.len() - 1024;
    for length in (0..content).step_by(509) {
        let error = device.install(&file(&device, "cut.tar", &good[..length]), false).unwrap_err();
        assert!(matches!(error, SwitchError::Source { .. } | SwitchError::Refused(_)), "{length}: {error}");
        device.assert_clean();
    }
    assert_eq!(device.runs(), SHIPPED);
    device.install(&file(&device, "whole.tar", &good), false).unwrap();
}

// damage after the installation

#[test]
fn a_damaged_package_is_replaced_by_the_one_before_it_then_by_the_systems_and_it_is_said() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    device.install(&device.detector("0.4.0"), false).unwrap();
    let network = device.place('b').join("model.onnx");
    let mut bytes = fs::read(&network).unwrap();
    bytes[40] ^= 1;
    fs::write(&network, &bytes).unwrap();
    let selection = device.select();
    assert_eq!((detector_of(&selection).as_str(), selection.refused.len()), ("0.3.0", 0));
    assert_eq!(
        selection.fallbacks,
        [
            "model package detector: model.onnx is not the file that was signed; copy the package again; detector 0.3.0 in \
          its place"
        ]
    );
    fs::remove_file(device.place('a').join("golden/0/image.npy")).unwrap();
    let selection = device.select();
    assert_eq!((detector_of(&selection).as_str(), selection.fallbacks.len()), (SHIPPED, 2));
    assert!(selection.fallbacks[1].ends_with("detector 0.2.0 in its place"), "{:?}", selection.fallbacks);
    device.install(&device.detector("0.4.0"), false).expect("the cure needs no force");
    assert_eq!(device.runs(), "0.4.0");
}

#[test]
fn a_link_or_a_place_that_is_gone_costs_the_device_no_detector() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    let link = device.installed().join("detector");
    fs::remove_file(&link).unwrap();
    symlink("/nowhere", &link).unwrap();
    assert_eq!(device.runs(), "0.3.0");
    fs::remove_dir_all(device.installed().join(".places")).unwrap();
    let selection = device.select();
    assert_eq!(detector_of(&selection), SHIPPED);
    assert_eq!(selection.fallbacks, ["detector is installed, but its files are gone; detector 0.2.0 in its place"]);
    device.install(&device.detector("0.3.0"), false).unwrap();
    assert_eq!(device.runs(), "0.3.0");
}

#[test]
fn where_two_installed_detectors_claim_the_work_the_systems_does_it() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    let other = device.installed().join(".places/twin.a/twin");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    let packed = tar(&device.named("twin", "0.9.0"));
    ::tar::Archive::new(packed.as_slice()).unpack(other.parent().unwrap()).unwrap();
    fs::rename(other.with_file_name("twin-0.9.0"), &other).unwrap();
    symlink(".places/twin.a/twin", device.installed().join("twin")).unwrap();
    let selection = device.select();
    assert_eq!(detector_of(&selection), SHIPPED);
    let words = "several of kind fracture-detector are installed (detector, twin), so none of them is used";
    assert_eq!(selection.fallbacks, [words]);
}

#[test]
fn without_any_detector_that_holds_the_reason_is_a_refusal_and_no_fallback() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    fs::remove_file(device.place('a').join("model.onnx")).unwrap();
    fs::remove_dir_all(device.shipped().join("detector")).unwrap();
    let selection = device.select();
    assert_eq!((selection.loaded.len(), selection.refused.len(), selection.fallbacks.len()), (1, 1, 0));
}

#[test]
fn what_was_before_is_not_taken_back_when_it_does_not_hold() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    device.install(&device.detector("0.4.0"), false).unwrap();
    fs::remove_file(device.place('a').join("model.onnx")).unwrap();
    let error = device.rollback(false).unwrap_err().to_string();
    assert!(error.ends_with("--shipped goes back to the one that came with the system"), "{error}");
    assert_eq!(device.runs(), "0.4.0");
    device.rollback(true).unwrap();
    assert_eq!(device.runs(), SHIPPED);
}
