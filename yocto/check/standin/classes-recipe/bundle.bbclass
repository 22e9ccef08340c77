# Stand-in for meta-rauc's: that every slot has an image is asked while parsing, as there.
BUNDLE_ARGS ??= ""
python __anonymous() {
    for slot in d.getVar('RAUC_BUNDLE_SLOTS').split():
        if not d.getVar(f'RAUC_SLOT_{slot}'):
            bb.fatal(f'No image set for slot {slot}')
}
do_bundle() {
    :
}
addtask bundle after do_configure
