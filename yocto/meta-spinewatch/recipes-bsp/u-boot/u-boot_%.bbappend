# What board/boot/boot.cmd asks of U-Boot.
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"
SRC_URI += "file://spinewatch.cfg"
