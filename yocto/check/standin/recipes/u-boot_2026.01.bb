# Stand-in, for what our layer appends to.
SUMMARY = "stand-in"
LICENSE = "MIT"
SRC_URI = ""
RRECOMMENDS:${PN} = "mtd-utils rauc-mark-good"
