# What board/boot/boot.cmd asks of U-Boot; the same as for u-boot.
FILESEXTRAPATHS:prepend:spinewatch := "${THISDIR}/../../../../recipes-bsp/u-boot/files:"
SRC_URI:append:spinewatch = " file://spinewatch.cfg"
