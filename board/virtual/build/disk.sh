#!/bin/sh
# A device disk as it leaves the works: BOOT, slot A, an empty slot B, an empty data partition.
#   disk.sh SLOT.ext4 OUT.img
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
slot=$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkimage -q -T script -A arm64 -C none -n spinewatch -d "$here/../boot/boot.cmd" "$work/boot.scr" > /dev/null
# Slot B holds nothing yet: no attempts.
printf 'BOOT_A_LEFT=3\nBOOT_B_LEFT=0\nBOOT_ORDER=A B\n' > "$work/state"
mkenvimage -s 0x4000 -o "$work/uboot.env" "$work/state"
cp "$work/uboot.env" "$work/uboot.bak"
truncate -s 64M "$work/boot.img"
mkfs.vfat -n BOOT "$work/boot.img" > /dev/null
mcopy -i "$work/boot.img" "$work/boot.scr" "$here/board.env" "$work/uboot.env" "$work/uboot.bak" ::

rm -f "$out"
truncate -s 2500M "$out"
sfdisk -q "$out" <<'S'
label: gpt
start=1MiB, size=64MiB, type=uefi, name=BOOT, attrs="LegacyBIOSBootable"
size=640MiB, type=linux, name=slot-a
size=640MiB, type=linux, name=slot-b
size=1024MiB, type=linux, name=data
S
dd if="$work/boot.img" of="$out" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$slot" of="$out" bs=1M seek=65 conv=notrunc,sparse status=none
