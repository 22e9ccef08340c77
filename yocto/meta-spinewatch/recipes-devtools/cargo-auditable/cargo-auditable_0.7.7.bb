SUMMARY = "Embeds the list of crates into Rust binaries"
DESCRIPTION = "A cargo subcommand that puts the dependency tree into a section of the binary, for scanners to read."
HOMEPAGE = "https://github.com/rust-secure-code/cargo-auditable"
BUGTRACKER = "https://github.com/rust-secure-code/cargo-auditable/issues"
SECTION = "devel"
LICENSE = "MIT | Apache-2.0"
# nooelint: oelint.var.licenseremotefile - the crate carries no licence file
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
CVE_PRODUCT = "cargo-auditable"

# The list is made by: yocto/crates --lock cargo-auditable-0.7.7/Cargo.lock --out cargo-auditable-crates.inc
require ${BPN}-crates.inc
SRC_URI += "crate://crates.io/${BPN}/${PV}"
SRC_URI[cargo-auditable-0.7.7.sha256sum] = "ccdd489bc94d1338cd04389a842e00661300331ec915fb376b4810ef7d480b5d"

inherit cargo_bin cargo_vendored

BBCLASSEXTEND = "native"
