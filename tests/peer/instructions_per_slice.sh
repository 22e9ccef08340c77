#!/bin/sh
# Counts the guest instructions that one slice costs each engine under QEMU, and prints them as a table.
#
#   instructions_per_slice.sh BINARY [FILE.onnx...]
#
# BINARY is a release build of spinewatch for AArch64 or for x86-64, FILE.onnx a quantised network; without any, those of
# the packages in models/. A slice is the difference of two runs of `bench engine`, divided by the rounds between them.
# The last column holds an engine's instructions against the first engine's: above 1 it needs more.
#
# Needs what count_instructions.sh needs. Environment: WAYS is a list of ENGINE or ENGINE:ISA (below), ROUNDS two numbers
# (1 3), CPU QEMU's model (AArch64: max; x86-64: one with AVX2 and without AVX-512), PYTHON one with requirements.txt
# for the way `ort`, on x86-64 only (without it ONNX Runtime is left out). `ort` is asked by a BINARY outside the
# emulator, so the machine itself must be an x86-64.
set -eu
[ $# -ge 1 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
shift
[ $# -ge 1 ] || set -- "$here"/../../models/*/model.onnx
case $(od -An -tx1 -j18 -N1 "$binary" | tr -d ' ') in
b7)
    export QEMU=qemu-aarch64
    ways=${WAYS:-int8:neon-dot int8:neon int8:neon-i8mm tract-f32 tract}
    ;;
3e)
    export QEMU=qemu-x86_64 CPU="${CPU:-Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid}" SYSROOT=/
    ways=${WAYS:-int8:avx2 ${PYTHON:+ort} tract-f32 tract}
    ;;
*)
    echo "$binary is a program for neither AArch64 nor x86-64" >&2
    exit 1
    ;;
esac
rounds=${ROUNDS:-1 3}
few=${rounds% *} many=${rounds#* }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export COUNT_INTO="$folder/count"
# Python for `bench engine` that counts what the true one executes
printf '#!/bin/sh\nexec "%s/count_instructions.sh" "%s" "$@"\n' "$here" "${PYTHON:-python3}" >"$folder/python"
chmod +x "$folder/python"

# count WAY FILE ROUNDS: instructions of a whole run
count() {
    engine=${1%%:*} isa=${1#"$engine"}
    rm -f "$COUNT_INTO"
    set -- bench engine --no-peak --engine "$engine" ${isa:+--isa "${isa#:}"} --onnx "$2" --rounds "$3"
    if [ "$engine" = ort ]; then
        set -- "$binary" "$@" --python "$folder/python" --peers "$here"
    else
        set -- "$here/count_instructions.sh" "$binary" "$@"
    fi
    "$@" >"$folder/said" 2>&1 && cat "$COUNT_INTO" || { tail -n 3 "$folder/said" >&2; return 1; }
}

name_of() {
    case $1 in
    */model.onnx) basename "$(dirname "$1")" ;;
    *) basename "$1" .onnx ;;
    esac
}

printf '| network | engine | million instructions a slice | of the first |\n|---|---|--:|--:|\n'
for file; do
    first=
    for way in $ways; do
        if less=$(count "$way" "$file" "$few") && more=$(count "$way" "$file" "$many"); then
            slice=$(((more - less) / (many - few)))
            first=${first:-$slice}
            awk -v n="$(name_of "$file")" -v w="$(echo "$way" | tr : ' ')" -v s="$slice" -v f="$first" \
                'BEGIN { printf "| %s | %s | %.1f | %.2f |\n", n, w, s / 1e6, s / f }'
        else
            printf '| %s | %s | failed | |\n' "$(name_of "$file")" "$way"
        fi
    done
done
