# Stand-in.
DEPLOYDIR = "${WORKDIR}/deploy-${PN}"
do_deploy[dirs] = "${DEPLOYDIR}"
