SUMMARY = "A Spinewatch device: the root of a slot, and the whole disk for the works"
DESCRIPTION = "The daemon with its models and configuration, RAUC, shares, the firewall, and what an engineer at the device needs."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
BUGTRACKER = "https://github.com/spinewatch/spinewatch/issues"
SECTION = "images"
LICENSE = "MIT | Apache-2.0"
CVE_PRODUCT = ""

inherit core-image

IMAGE_FEATURES = "read-only-rootfs"
IMAGE_LINGUAS = ""
# It would mark every slot good that boots; see rauc_%.bbappend.
BAD_RECOMMENDATIONS += "rauc-mark-good"

# Beside the scanner: shares, updates, clock, firewall.
SPINEWATCH_IMAGE_BASE = "\
    packagegroup-core-boot \
    spinewatch \
    spinewatch-boot \
    spinewatch-conf \
    spinewatch-models \
    rauc \
    rauc-service \
    spinewatch-rauc-conf \
    libubootenv-bin \
    cifs-utils \
    dosfstools \
    e2fsprogs \
    e2fsprogs-e2fsck \
    e2fsprogs-mke2fs \
    nfs-utils-client \
    nftables \
    ca-certificates \
    tzdata-core \
"
# For the engineer with a serial cable: look at buses, panels, disks, links and certificates.
SPINEWATCH_IMAGE_FIELD = "\
    curl \
    dtc \
    ethtool \
    evtest \
    i2c-tools \
    iproute2 \
    iputils-ping \
    less \
    libgpiod-tools \
    mosquitto-clients \
    openssl-bin \
    parted \
    tcpdump \
    usbutils \
"
IMAGE_INSTALL = "${SPINEWATCH_IMAGE_BASE} ${SPINEWATCH_IMAGE_FIELD}"

# The slot is the limit, and a little less: a later build must fit as well.
IMAGE_ROOTFS_MAXSIZE = "${@int(d.getVar('SPINEWATCH_SLOT_MIB')) * 1024 * 95 // 100}"
IMAGE_OVERHEAD_FACTOR = "1.1"
IMAGE_ROOTFS_EXTRA_SPACE = "0"

# boot.cmd loads boot/vmlinuz, whatever the kernel's recipe calls its file.
spinewatch_kernel_link[doc] = "Gives the kernel the name that the boot script loads"
spinewatch_kernel_link() {
    if [ ! -e ${IMAGE_ROOTFS}/boot/${KERNEL_IMAGETYPE} ]; then
        bbfatal "no /boot/${KERNEL_IMAGETYPE} in the image: the slot could not be started"
    fi
    ln -sf ${KERNEL_IMAGETYPE} ${IMAGE_ROOTFS}/boot/vmlinuz
}

# What runs is what board/rootfs names: packages bring presets of their own (98-*.preset), the overlay's last word is
# "disable *".
spinewatch_presets[doc] = "Enables what the overlay's presets name, disables all else"
spinewatch_presets() {
    rm -f ${IMAGE_ROOTFS}${systemd_unitdir}/system-preset/98-*.preset
    systemctl --root="${IMAGE_ROOTFS}" preset-all
}

ROOTFS_POSTPROCESS_COMMAND += "spinewatch_kernel_link spinewatch_presets"
