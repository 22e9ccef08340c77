# Mounts are units of board/rootfs; there is no fstab, and what is in /var stays.
do_install:append:spinewatch() {
    rm -f ${D}${sysconfdir}/fstab
}
