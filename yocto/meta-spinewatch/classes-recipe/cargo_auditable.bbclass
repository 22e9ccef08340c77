# For meta-rust-bin's cargo_bin: the list of crates goes into the binary (section .dep-v0), where `cargo audit bin` and
# scanners of images read it. cargo-auditable wraps `cargo build`; what else the class asks of cargo stays as it is.

DEPENDS += "cargo-auditable-native"

do_compile:prepend() {
    cargo() {
        case "$1" in
            build) command cargo auditable "$@" ;;
            *) command cargo "$@" ;;
        esac
    }
}
