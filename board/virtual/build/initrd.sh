#!/bin/sh
# The initial RAM disk: busybox, the modules of the disk and of its file system, and board/virtual/init.
#   initrd.sh ROOT OUT
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
root=$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/modules" "$work/proc" "$work/sys" "$work/dev" "$work/root"
cp "$root/bin/busybox" "$work/bin/busybox"
install -m755 "$here/init" "$work/init"
release=$(ls "$root/usr/lib/modules")
for module in virtio_pci virtio_blk crc32c_generic ext4; do
    modprobe -d "$root" -S "$release" --show-depends "$module" || true
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' > "$work/paths"
while read -r path; do
    cp "$path" "$work/modules/"
    basename "$path" >> "$work/modules/order"
done < "$work/paths"
rm "$work/paths"
(cd "$work" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) > "$out"
