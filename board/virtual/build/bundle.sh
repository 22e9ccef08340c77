#!/bin/sh
# A signed verity bundle of a slot's image.
#   bundle.sh SLOT.ext4 VERSION COMPATIBLE KEYS SIGNER OUT.raucb
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln "$1" "$work/rootfs.ext4" 2>/dev/null || cp --sparse=always "$1" "$work/rootfs.ext4"
cat > "$work/manifest.raucm" <<M
[update]
compatible=$3
version=$2

[bundle]
format=verity

[image.rootfs]
filename=rootfs.ext4
M
rm -f "$6"
rauc bundle --cert="$4/$5.pem" --key="$4/$5.key" --keyring="$4/keyring-of-$5.pem" --mksquashfs-args='-comp zstd' "$work" "$6" > /dev/null
