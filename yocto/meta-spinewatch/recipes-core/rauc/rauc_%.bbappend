# A slot is marked good by `spinewatch update confirm` once the self-test has passed, never because the boot got this far.
RRECOMMENDS:${PN}:remove:spinewatch = "rauc-mark-good"
