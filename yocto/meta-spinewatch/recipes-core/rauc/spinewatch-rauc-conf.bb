SUMMARY = "RAUC's slots and keyring on a Spinewatch device"
DESCRIPTION = "board/*/system.conf of the machine and the certificate that bundles must be signed under."
HOMEPAGE = "https://github.com/spinewatch/spinewatch"
BUGTRACKER = "https://github.com/spinewatch/spinewatch/issues"
SECTION = "base"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
CVE_PRODUCT = ""
PV = "${DISTRO_VERSION}"

FILESEXTRAPATHS:prepend := "${SPINEWATCH_SOURCE}/board/${SPINEWATCH_BOARD}:"
SRC_URI = "file://system.conf"
S = "${UNPACKDIR}"

INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    if [ ! -s "${SPINEWATCH_KEYRING}" ]; then
        bbfatal "SPINEWATCH_KEYRING must name the certificate (PEM) that devices trust; it is '${SPINEWATCH_KEYRING}'. See yocto/README.md, keys."
    fi
    if ! grep -q "^compatible=${MACHINE}$" ${S}/system.conf; then
        bbfatal "board/${SPINEWATCH_BOARD}/system.conf is not compatible=${MACHINE}: bundles of this build would be refused."
    fi
    install -D -m 0644 ${S}/system.conf ${D}${sysconfdir}/rauc/system.conf
    install -D -m 0644 ${SPINEWATCH_KEYRING} ${D}${sysconfdir}/rauc/keyring.pem
}
do_install[file-checksums] += "${SPINEWATCH_KEYRING}:False"

FILES:${PN} = "${sysconfdir}/rauc"
RPROVIDES:${PN} = "virtual-rauc-conf"
RCONFLICTS:${PN} = "rauc-conf"
