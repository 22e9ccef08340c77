# What updates, shares, panels and the sandbox ask of the kernel.
FILESEXTRAPATHS:prepend:spinewatch := "${THISDIR}/files:"
SRC_URI:append:spinewatch = " file://spinewatch.cfg"
