# 1.15.2 closes CVE-2026-34155; an older layer is an error here, not a surprise in the field.
python () {
    if bb.utils.vercmp_string(d.getVar('PV'), '1.15.2') < 0 and not bb.data.inherits_class('native', d):
        raise bb.parse.SkipRecipe(f"RAUC {d.getVar('PV')} is older than 1.15.2 (CVE-2026-34155): take a newer meta-rauc")
}

# A slot is marked good by `spinewatch update confirm` once the self-test has passed, never because the boot got this far.
RRECOMMENDS:${PN}:remove = "rauc-mark-good"
