#!/bin/sh
# Counts the guest instructions that a program executes under QEMU, and prints the count as the last line.
#
#   count_instructions.sh BINARY ARGS...
#
# Needs the package qemu-user (the dynamic one: the static build takes no plugins), a C compiler and, for programs that
# are linked dynamically, libc6-arm64-cross. Environment: CPU is QEMU's model (max), QEMU the emulator (qemu-aarch64),
# SYSROOT where the program's libraries lie (/usr/aarch64-linux-gnu), COUNT_INTO a file for the count instead of the last
# line. Exact for one thread; several may lose counts.
# What a part of a program costs is the difference of two runs: once with it, and once without.
set -eu
[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
qemu=${QEMU:-qemu-aarch64}
"$qemu" -h | grep -q -- -plugin || { echo "$qemu takes no plugins: install the package qemu-user" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/count.c" <<'SOURCE'
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* the part of qemu-plugin.h that is needed, the same in every version of its interface */
typedef uint64_t id_t_;
struct qemu_plugin_tb;
extern void qemu_plugin_register_vcpu_tb_trans_cb(id_t_, void (*)(id_t_, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(id_t_, void (*)(id_t_, void *), void *);
__attribute__((visibility("default"))) int qemu_plugin_version = VERSION;
static uint64_t count;
static void executed(unsigned cpu, void *n) { (void)cpu; count += (uintptr_t)n; }
static void translated(id_t_ id, struct qemu_plugin_tb *tb) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}
static void ended(id_t_ id, void *data) {
    (void)id; (void)data;
    FILE *out = fopen(getenv("COUNT_FILE"), "w");
    if (out) { fprintf(out, "%llu\n", (unsigned long long)count); fclose(out); }
}
__attribute__((visibility("default"))) int qemu_plugin_install(id_t_ id, const void *info, int argc, char **argv) {
    (void)info; (void)argc; (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
SOURCE
# an emulator refuses a plugin of another version than its own before it runs anything
for version in 1 2 3 4 5; do
    ${CC:-cc} -O2 -shared -fPIC -DVERSION=$version -o "$folder/count$version.so" "$folder/count.c"
    export COUNT_FILE="$folder/count"
    status=0
    "$qemu" -cpu "${CPU:-max}" -L "${SYSROOT:-/usr/aarch64-linux-gnu}" -plugin "$folder/count$version.so" "$@" \
        2>"$folder/errors" || status=$?
    if [ -s "$COUNT_FILE" ]; then
        cat "$folder/errors" >&2
        cat "$COUNT_FILE" >"${COUNT_INTO:-/dev/stdout}"
        exit $status
    fi
    grep -qi 'plugin.*version\|api version' "$folder/errors" || break
done
cat "$folder/errors" >&2
exit 1
