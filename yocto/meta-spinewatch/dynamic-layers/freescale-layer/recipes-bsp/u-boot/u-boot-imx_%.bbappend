# What board/boot/boot.cmd asks of U-Boot; the same as for u-boot.
FILESEXTRAPATHS:prepend := "${THISDIR}/../../../../recipes-bsp/u-boot/files:"
SRC_URI += "file://spinewatch.cfg"
