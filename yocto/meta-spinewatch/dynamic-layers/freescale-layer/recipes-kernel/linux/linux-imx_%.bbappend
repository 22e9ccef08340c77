# What updates, shares, panels and the sandbox ask of the kernel; the same as for linux-yocto.
FILESEXTRAPATHS:prepend:spinewatch := "${THISDIR}/../../../../recipes-kernel/linux/files:"
SRC_URI:append:spinewatch = " file://spinewatch.cfg"
