SUMMARY = "RAUC's slots and keyring on a Spinewatch device"
DESCRIPTION = "board/*/system.conf of the machine and the certificate that bundles must be signed under."
SECTION = "base"

require recipes-spinewatch/include/spinewatch-board.inc

SRC_URI += "file://system.conf"

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

# 1.15.2 closes CVE-2026-34155; with an older layer no image is made.
RDEPENDS:${PN} = "rauc (>= 1.15.2)"
RPROVIDES:${PN} = "virtual-rauc-conf"
RCONFLICTS:${PN} = "rauc-conf"
