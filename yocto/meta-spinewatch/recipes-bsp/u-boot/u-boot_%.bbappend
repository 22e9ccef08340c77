# What board/boot/boot.cmd asks of U-Boot.
FILESEXTRAPATHS:prepend:spinewatch := "${THISDIR}/files:"
SRC_URI:append:spinewatch = " file://spinewatch.cfg"
