SUMMARY = "Scanner-side triage of suspected cervical spine fractures"
SUMMARY:${PN}-models = "Model packages of Spinewatch, signed, with their golden cases"
DESCRIPTION = "Reads CT slices from a share, alerts on a screen and over MQTT. A triage device notifies; it never clears."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
BUGTRACKER = "https://github.com/spinewatch/spinewatch/issues"
SECTION = "applications"
# Ours, and what the linked crates ask for on top; yocto/check holds this against cargo.
LICENSE = "(MIT | Apache-2.0) & Apache-2.0 & BSD-3-Clause & CC0-1.0 & ISC & Unicode-3.0 & Zlib"
LIC_FILES_CHKSUM = "\
    file://LICENSE-APACHE;md5=22a53954e4e0ec258dfce4391e905dac \
    file://LICENSE-MIT;md5=380726cd5ad32762bfd6f673b6440987 \
"
CVE_PRODUCT = "spinewatch"

require ${BPN}-crates.inc

# The repository that this layer lies in. Only what the build reads, so that a change of a test builds nothing anew; from
# board/ that is what the daemon carries as text.
# nooelint: oelint.vars.fileextrapaths,oelint.vars.outofcontext - the layer lies in the repository that it builds
FILESEXTRAPATHS:prepend := "${SPINEWATCH_SOURCE}:"
SRC_URI += "\
    file://Cargo.toml;subdir=${BP} \
    file://Cargo.lock;subdir=${BP} \
    file://LICENSE-APACHE;subdir=${BP} \
    file://LICENSE-MIT;subdir=${BP} \
    file://src;subdir=${BP} \
    file://models;subdir=${BP} \
    file://board/rootfs;subdir=${BP} \
"

inherit cargo_bin cargo_vendored cargo_auditable pkgconfig

EXTRA_CARGO_FLAGS:append = " --bin ${BPN}"

PACKAGES =+ "${PN}-models"

do_install:append() {
    install -d ${D}${datadir}/${BPN}/models/keys
    for package in ${S}/models/*/package.toml; do
        cp -R --no-preserve=ownership "$(dirname "$package")" ${D}${datadir}/${BPN}/models/
    done
    # The public keys only: whoever holds the other half signs models.
    install -m 0644 ${S}/models/keys/*.pub ${D}${datadir}/${BPN}/models/keys/
    find ${D}${datadir}/${BPN} -type d -exec chmod 0755 {} +
    find ${D}${datadir}/${BPN} -type f -exec chmod 0644 {} +
}

FILES:${PN}-models += "${datadir}/${BPN}/models"
RDEPENDS:${PN} += "${PN}-conf ${PN}-models ca-certificates"

COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
