#!/bin/sh
# Unpacks the suite's kernel into the tree ROOT: boot/vmlinuz, and the modules that board/virtual/modules names with
# whatever these need.
#   kernel.sh ROOT
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
root=$1
name=$(chroot "$root" apt-cache depends linux-image-arm64 | awk '/Depends: linux-image/ { print $2; exit }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(chroot "$root" sh -c "cd /tmp && apt-get -qq -o APT::Sandbox::User=root download $name")
dpkg-deb -x "$root"/tmp/"$name"_*.deb "$work"
rm "$root"/tmp/"$name"_*.deb

release=${name#linux-image-}
from=$work/usr/lib/modules/$release
test -d "$from" || from=$work/lib/modules/$release
depmod -b "$(dirname "$(dirname "$(dirname "$from")")")" "$release" 2>/dev/null || depmod -b "$work" "$release"

to=$root/usr/lib/modules/$release
mkdir -p "$to"
cp "$from"/modules.builtin "$from"/modules.builtin.modinfo "$from"/modules.order "$to/"
# modules.dep: "a.ko: b.ko c.ko"; the closure of a module is its line.
sed 's/#.*//' "$here/modules" | tr -s ' \n' '\n' | while read -r module; do
    test -n "$module" || continue
    line=$(grep -E "(^|/)$(echo "$module" | tr '_-' '..')\.ko[.a-z]*:" "$from/modules.dep" || true)
    if [ -z "$line" ]; then
        # Debian names modules with - or _; built into the kernel is as good.
        grep -q "/$(echo "$module" | tr '_-' '..')\.ko" "$from/modules.builtin" && continue
        echo "kernel.sh: this kernel has no module $module" >&2
        continue
    fi
    for file in $(echo "$line" | tr -d ':'); do
        install -D -m644 "$from/$file" "$to/$file"
    done
done
depmod -b "$root" "$release"
install -m644 "$work/boot/vmlinuz-$release" "$root/boot/vmlinuz"
