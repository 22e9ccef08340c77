SUMMARY = "Configuration of a Spinewatch device"
DESCRIPTION = "board/rootfs as it is: units, D-Bus policy, udev rules, firewall, journal, mounts. Units and accounts are read \
               from the files, so that a new one needs no change here."
SECTION = "base"

require recipes-spinewatch/include/spinewatch-board.inc

inherit spinewatch_rootfs systemd useradd

SRC_URI += "${@' '.join('file://' + path for path in spinewatch_overlay_paths(d))}"
PACKAGES = "${PN}"

do_compile[noexec] = "1"

SYSTEMD_SERVICE:${PN} = "${@spinewatch_units(d)}"
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "${@spinewatch_accounts(d, 'g')}"
USERADD_PARAM:${PN} = "${@spinewatch_accounts(d, 'u')}"
GROUPMEMS_PARAM:${PN} = "${@spinewatch_accounts(d, 'm')}"

do_install() {
    for overlay in ${@' '.join(spinewatch_overlay_paths(d))}; do
        cp -R --no-preserve=ownership ${S}/$overlay/. ${D}/
    done
    # A mode in the repository says one thing only: whether a file is a program.
    find ${D} -type d -exec chmod 0755 {} +
    find ${D} -type f -perm /111 -exec chmod 0755 {} +
    find ${D} -type f ! -perm /111 -exec chmod 0644 {} +
    # Where the units mount, on a root that nobody can write.
    ${@spinewatch_folders(d)}
    # The image makes it: empty, since a device finds its own.
    rm -f ${D}${sysconfdir}/machine-id
}

FILES:${PN} += "/*"
RDEPENDS:${PN} += "systemd"
