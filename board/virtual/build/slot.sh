#!/bin/sh
# A slot's image: the distribution's part, board/rootfs, what the virtual board alone needs, the daemon and its models.
#   slot.sh ROOT.tar BINARY KEYRING.pem OUT.ext4
# Prints the daemon's version. Needs root; runs no arm64 program but the daemon's --version.
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
project=$(dirname "$(dirname "$here")")
tar=$1
binary=$2
keyring=$3
out=$4
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

tar -C "$root" --numeric-owner -xf "$tar"
"$here/build/settle.sh" "$root"
cp -a --no-preserve=ownership "$project/board/rootfs/." "$root/"
cp -a --no-preserve=ownership "$here/rootfs/." "$root/"
install -D -m644 "$here/system.conf" "$root/etc/rauc/system.conf"
install -D -m644 "$keyring" "$root/etc/rauc/keyring.pem"
install -D -m755 "$binary" "$root/usr/bin/spinewatch"
mkdir -p "$root/usr/share/spinewatch/models" "$root/data" "$root/boot/firmware"
for package in "$project"/models/*/package.toml; do
    cp -r --no-preserve=ownership "$(dirname "$package")" "$root/usr/share/spinewatch/models/"
done
cp -r --no-preserve=ownership "$project/models/keys" "$root/usr/share/spinewatch/models/"
rm -f "$root"/usr/share/spinewatch/models/keys/*.key

systemd-sysusers --root="$root"
systemd-tmpfiles --root="$root" --create spinewatch.conf
systemctl --root="$root" --quiet preset-all
"$here/build/initrd.sh" "$root" "$root/boot/initrd.img"
rm -rf "$root"/var/lib/apt "$root"/var/cache/* "$root"/var/log/* "$root"/tmp/* "$root"/usr/share/locale "$root"/usr/share/doc \
    "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/lib/aarch64-linux-gnu/gconv "$root"/etc/apt
qemu-aarch64-static -L "$root" "$root/usr/bin/spinewatch" --version | awk '{ print $2 }'

# As large as it must be; RAUC and the first boot leave it so.
kib=$(du -sk --apparent-size "$root" | cut -f1)
rm -f "$out"
truncate -s "$((kib * 115 / 100 + 16384))K" "$out"
mkfs.ext4 -q -L rootfs -m 0 -E lazy_itable_init=0,root_owner=0:0 -O ^has_journal -d "$root" "$out"
