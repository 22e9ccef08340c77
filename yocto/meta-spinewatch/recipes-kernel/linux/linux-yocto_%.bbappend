# What updates, shares, panels and the sandbox ask of the kernel.
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"
SRC_URI += "file://spinewatch.cfg"
