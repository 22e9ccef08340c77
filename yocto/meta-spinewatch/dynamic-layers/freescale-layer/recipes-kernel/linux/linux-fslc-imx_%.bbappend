# What updates, shares, panels and the sandbox ask of the kernel; the same as for linux-yocto.
FILESEXTRAPATHS:prepend := "${THISDIR}/../../../../recipes-kernel/linux/files:"
SRC_URI += "file://spinewatch.cfg"
