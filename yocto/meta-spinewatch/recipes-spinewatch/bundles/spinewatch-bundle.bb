SUMMARY = "System update of a Spinewatch device, as a RAUC bundle"
DESCRIPTION = "The image's root file system, verity format, signed; for this machine only, with the daemon's version."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
SECTION = "images"
LICENSE = "MIT"
PV = "${DISTRO_VERSION}"

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
# rauc verifies what it has signed.
RAUC_KEYRING_FILE = "${SPINEWATCH_KEYRING}"

python do_bundle:prepend() {
    for name in ('SPINEWATCH_BUNDLE_CERT', 'SPINEWATCH_BUNDLE_KEY', 'SPINEWATCH_KEYRING'):
        if not d.getVar(name):
            bb.fatal(f'{name} is empty: a bundle is signed or it is not made. See yocto/README.md, keys.')
}
