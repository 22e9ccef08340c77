#!/bin/sh
# The virtual board: QEMU with what it stands for. Used by `board run` and by tests/virtual_board.
#   qemu.sh DISK FORMAT [further arguments of QEMU]
# A screen of 480 x 320, a USB host for sticks, a network whose host is 10.0.2.2.
set -eu
disk=$1
format=$2
shift 2
exec qemu-system-aarch64 -M virt,acpi=off -cpu "${SPINEWATCH_BOARD_CPU:-cortex-a76}" -smp 2 -m 1024 -accel tcg,thread=multi \
    -nodefaults -display none -bios /usr/lib/u-boot/qemu_arm64/u-boot.bin \
    -drive "file=$disk,format=$format,if=none,id=disk,cache=writeback" -device virtio-blk-pci,drive=disk \
    -device virtio-gpu-pci,xres=480,yres=320 -device virtio-rng-pci -device qemu-xhci,id=usb \
    -netdev user,id=net -device virtio-net-pci,netdev=net,romfile= "$@"
