SUMMARY = "Boot script, board settings and slot counters of a Spinewatch device"
DESCRIPTION = "board/boot/boot.cmd for U-Boot with what differs on this board, the counters as a device leaves the works \
               (slot A on trial, slot B empty), and the device-tree overlays for panels and buttons."
SECTION = "bootloaders"
DEPENDS = "dtc-native u-boot-tools-native"

require recipes-spinewatch/include/spinewatch-board.inc

inherit deploy

SRC_URI += "\
    file://boot.cmd \
    file://board.env \
    ${@spinewatch_dtso(d)} \
"
B = "${WORKDIR}/build"

def spinewatch_dtso(d):
    """SRC_URI entries of the board's device-tree overlays, whatever it has of them."""
    board = d.expand('${SPINEWATCH_SOURCE}/board/${SPINEWATCH_BOARD}')
    bb.parse.mark_dependency(d, board)
    return ' '.join(f'file://{name}' for name in sorted(os.listdir(board)) if name.endswith('.dtso'))

do_compile[cleandirs] = "${B}"

do_compile() {
    mkimage -q -T script -A arm64 -C none -n ${DISTRO} -d ${S}/boot.cmd ${B}/boot.scr
    # As board/virtual/build/disk.sh makes them.
    printf 'BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=A B\n' > ${B}/counters
    mkenvimage -s 0x4000 -o ${B}/uboot.env ${B}/counters
    for overlay in ${S}/*.dtso; do
        test -e "$overlay" || continue
        dtc -@ -I dts -O dtb -o "${B}/$(basename "$overlay" .dtso).dtbo" "$overlay"
    done
}

do_install() {
    install -d ${D}/boot/overlays
    find ${B} -name '*.dtbo' -exec install -m 0644 {} ${D}/boot/overlays/ \;
}

do_deploy() {
    install -m 0644 ${B}/boot.scr ${S}/board.env ${B}/uboot.env ${DEPLOYDIR}/
    install -m 0644 ${B}/uboot.env ${DEPLOYDIR}/uboot.bak
}
addtask deploy after do_compile before do_build

FILES:${PN} += "/boot/overlays"
