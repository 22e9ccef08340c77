SUMMARY = "System update of a Spinewatch device, as a RAUC bundle"
DESCRIPTION = "The image's root file system, verity format, signed; for this machine only, with the daemon's version."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
BUGTRACKER = "https://github.com/spinewatch/spinewatch/issues"
SECTION = "images"
LICENSE = "MIT | Apache-2.0"
# What it holds comes from the image.
SRC_URI = ""
CVE_PRODUCT = ""

inherit bundle

RAUC_BUNDLE_FORMAT = "verity"
RAUC_BUNDLE_COMPATIBLE = "${MACHINE}"
RAUC_BUNDLE_VERSION = "${DISTRO_VERSION}"
RAUC_BUNDLE_DESCRIPTION = "Spinewatch ${DISTRO_VERSION} for ${MACHINE}"

RAUC_BUNDLE_SLOTS = "rootfs"
RAUC_SLOT_rootfs = "spinewatch-image"
RAUC_SLOT_rootfs[fstype] = "ext4"
RAUC_SLOT_rootfs[rename] = "rootfs.ext4"
# With an HTTP update only the blocks that differ are fetched.
RAUC_SLOT_rootfs[adaptive] = "block-hash-index"
BUNDLE_ARGS += "--mksquashfs-args='-comp zstd'"

# A file or a pkcs11: URI; a product's key is in a token.
RAUC_CERT_FILE = "${SPINEWATCH_BUNDLE_CERT}"
RAUC_KEY_FILE = "${SPINEWATCH_BUNDLE_KEY}"
RAUC_KEYRING_FILE = "${SPINEWATCH_KEYRING}"

# The class asks for key and certificate; that they are the devices' is asked here.
do_bundle:append() {
    if [ -z "${SPINEWATCH_KEYRING}" ]; then
        bbfatal "SPINEWATCH_KEYRING is empty: nobody knows whether a device takes this bundle. See yocto/README.md, keys."
    fi
    ${STAGING_BINDIR_NATIVE}/rauc info --keyring="${SPINEWATCH_KEYRING}" ${B}/bundle.raucb
}
