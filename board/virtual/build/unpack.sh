#!/bin/sh
# What is unpacked into the tree ROOT instead of installed. The kernel, since installing it would build an initial RAM disk
# that we do not use: boot/vmlinuz, and the modules that board/virtual/modules names with whatever these need. The programs
# that mount shares, since their packages want Python.
#   unpack.sh ROOT, as a hook of mmdebstrap
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
root=$1
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # PACKAGE
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$1")
    dpkg-deb -x "$work/$1"_*.deb "$work"
    rm "$work/$1"_*.deb
}

unpack cifs-utils
unpack nfs-common
for program in mount.cifs mount.nfs umount.nfs mount.nfs4 umount.nfs4; do
    cp -P "$(find "$work" -path "*sbin/$program")" "$root/usr/sbin/"
done

name=$(apt-cache depends linux-image-arm64 | awk '/Depends: linux-image/ { print $2; exit }')
unpack "$name"

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
        echo "unpack.sh: this kernel has no module $module" >&2
        continue
    fi
    for file in $(echo "$line" | tr -d ':'); do
        install -D -m644 "$from/$file" "$to/$file"
    done
done
# Unpacking them at every boot would take an emulated processor longer than reading them.
find "$to" -name '*.ko.xz' -exec xz -d {} +
depmod -b "$root" "$release"
install -m644 "$work/boot/vmlinuz-$release" "$root/boot/vmlinuz"
