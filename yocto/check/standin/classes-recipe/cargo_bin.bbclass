# Stand-in for meta-rust-bin's: the variables that our classes add to, and the call of cargo that they wrap.
export CARGO_HOME = "${WORKDIR}/cargo_home"
EXTRA_CARGO_FLAGS ??= ""
EXTRA_RUSTFLAGS ??= ""
CARGO_MANIFEST_PATH ?= "${S}/Cargo.toml"
CARGO_BUILD_FLAGS = "--manifest-path ${CARGO_MANIFEST_PATH} --target=aarch64-unknown-linux-gnu --release ${EXTRA_CARGO_FLAGS}"

cargo_bin_do_configure() {
    mkdir -p "${CARGO_HOME}"
}
cargo_bin_do_compile() {
    cargo --version
    cargo build ${CARGO_BUILD_FLAGS}
}
cargo_bin_do_install() {
    :
}
EXPORT_FUNCTIONS do_configure do_compile do_install
