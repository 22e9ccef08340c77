# For meta-rust-bin's cargo_bin: builds from the crates that bitbake has fetched (crate://) and from nothing else.
#
# bitbake's fetcher unpacks a crate into cargo_home/bitbake/NAME-VERSION with the checksum file that cargo asks for; a
# [source] table makes of that folder what crates.io is otherwise. It goes by --config, since cargo_bin owns CARGO_HOME.

CARGO_VENDORED_DIR = "${UNPACKDIR}/cargo_home/bitbake"
CARGO_VENDORED_CONFIG = "${WORKDIR}/cargo-vendored.toml"

# --frozen: no network, and no change of Cargo.lock.
EXTRA_CARGO_FLAGS:append = " --frozen --config ${CARGO_VENDORED_CONFIG}"
# Paths of the build machine stay out of the binary.
EXTRA_RUSTFLAGS:append = " --remap-path-prefix=${WORKDIR}=${TARGET_DBGSRC_DIR}"

# Debug information goes to -dbg by bitbake, not to nowhere by cargo.
export CARGO_PROFILE_RELEASE_STRIP = "none"

do_configure:append() {
    printf '[source.crates-io]\nreplace-with = "bitbake"\n\n[source.bitbake]\ndirectory = "%s"\n' "${CARGO_VENDORED_DIR}" \
        > "${CARGO_VENDORED_CONFIG}"
}
