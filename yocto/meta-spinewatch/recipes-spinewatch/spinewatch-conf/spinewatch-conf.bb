SUMMARY = "Configuration of a Spinewatch device"
DESCRIPTION = "board/rootfs as it is: units, D-Bus policy, udev rules, firewall, journal limits, mounts. What a unit or an \
account needs of the image is read from the files, so that a new one needs no change here."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
BUGTRACKER = "https://github.com/spinewatch/spinewatch/issues"
SECTION = "base"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
CVE_PRODUCT = ""
PV = "${DISTRO_VERSION}"

inherit spinewatch-rootfs systemd useradd

FILESEXTRAPATHS:prepend := "${SPINEWATCH_SOURCE}/board:"
SRC_URI = "${@spinewatch_overlay_uris(d)}"
S = "${UNPACKDIR}"

INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
PACKAGES = "${PN}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

SYSTEMD_SERVICE:${PN} = "${@spinewatch_units(d)}"
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "${@spinewatch_accounts(d, 'g')}"
USERADD_PARAM:${PN} = "${@spinewatch_accounts(d, 'u')}"
GROUPMEMS_PARAM:${PN} = "${@spinewatch_accounts(d, 'm')}"

do_install() {
    for overlay in ${SPINEWATCH_OVERLAYS}; do
        from=${S}/$(realpath --relative-to=${SPINEWATCH_SOURCE}/board "$overlay")
        cp -R --no-preserve=ownership,mode "$from/." ${D}/
    done
    # A file is a program where it lies among programs or says so itself; all else is for reading.
    find ${D} -type d -exec chmod 0755 {} +
    find ${D} -type f -exec sh -c 'case "$1" in
        */bin/*|*/sbin/*|*/libexec/*) chmod 0755 "$1" ;;
        *) if head -c 2 "$1" | grep -q "^#!"; then chmod 0755 "$1"; else chmod 0644 "$1"; fi ;;
    esac' sh {} \;
    # Where the units mount, on a root that nobody can write.
    install -d ${D}/data ${D}/boot/firmware ${D}/srv/ct
    # The image makes it: empty, since a device finds its own.
    rm -f ${D}${sysconfdir}/machine-id
}

FILES:${PN} = "/*"
RDEPENDS:${PN} += "systemd"
