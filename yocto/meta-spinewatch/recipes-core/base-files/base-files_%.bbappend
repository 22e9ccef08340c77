# board/rootfs owns fstab, hostname and the like where it has them; two packages must not own one file.
inherit spinewatch-rootfs

do_install:append() {
    for overlay in ${SPINEWATCH_OVERLAYS}; do
        (cd "$overlay" && find . -type f) | while read -r file; do
            rm -f "${D}/$file"
        done
    done
}
do_install[vardeps] += "SPINEWATCH_OVERLAYS"
do_install[file-checksums] += "${@' '.join(overlay + ':True' for overlay in d.getVar('SPINEWATCH_OVERLAYS').split())}"
PACKAGE_ARCH = "${MACHINE_ARCH}"
