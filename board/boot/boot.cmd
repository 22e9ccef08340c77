# The boot script of every board: chooses a slot, counts its attempts, starts its kernel. U-Boot runs it as boot.scr.
#
# Takes in, from the FAT partition it lies on:
#   board.env   what differs between boards, as text (board/*/board.env)
#   uboot.env   BOOT_ORDER, BOOT_A_LEFT, BOOT_B_LEFT with a checksum; RAUC writes it by libubootenv (fw_env.config)
#   uboot.bak   the same as of the last boot, for a uboot.env that a power cut has torn
# and hands on kernel, initial RAM disk and device tree from /boot of the slot.
#
# A slot marked good has 9 attempts left and never loses one: ten quick power cycles do not leave it. A slot on trial
# starts with 3 and loses one a boot. A slot whose kernel cannot be loaded loses all. A button held takes the other slot,
# this once. Writes nothing when nothing has changed.

setenv boot ${devtype} ${devnum}:1
setenv size 0x4000
setenv new ${kernel_addr_r}
setexpr old ${kernel_addr_r} + 0x10000
setenv state "BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT"

if load ${boot} ${new} board.env; then env import -t ${new} ${filesize}; fi
test -n "${fdt}" || setenv fdt ${fdt_addr}

# The state, its copy, or a beginning.
setenv save
if load ${boot} ${new} uboot.env && env import -c ${new} ${size} ${state}; then
  echo "slots: uboot.env"
elif load ${boot} ${new} uboot.bak && env import -c ${new} ${size} ${state}; then
  echo "slots: uboot.env is torn, taking uboot.bak"; setenv save yes
else
  echo "slots: no state, beginning anew"; setenv save yes
  setenv BOOT_ORDER; setenv BOOT_A_LEFT; setenv BOOT_B_LEFT
fi
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

# The copy first: whichever of the two writes is torn, the other file is whole.
setenv write 'env export -c -s ${size} ${new} ${state} && fatwrite ${boot} ${new} uboot.bak ${size} && fatwrite ${boot} ${new} uboot.env ${size}'

# The first in order that has attempts left, and the next.
setenv slot; setenv other
for s in ${BOOT_ORDER}; do
  setenv get 'setenv left ${BOOT_'${s}'_LEFT}'; run get
  if test ${left} -gt 0; then
    if test -z "${slot}"; then setenv slot ${s}; elif test -z "${other}"; then setenv other ${s}; fi
  fi
done
if test -z "${slot}"; then
  echo "slots: none has attempts left, beginning anew"
  setenv BOOT_ORDER "A B"; setenv BOOT_A_LEFT 3; setenv BOOT_B_LEFT 3
  run write
  reset
fi
if test -n "${button_held}" && run button_held; then
  echo "slots: button held"
  if test -n "${other}"; then setenv slot ${other}; else echo "slots: there is no other"; fi
fi

setenv get 'setenv left ${BOOT_'${slot}'_LEFT}'; run get
if test ${left} -ne 9; then setexpr left ${left} - 1; setenv BOOT_${slot}_LEFT ${left}; fi
env export -c -s ${size} ${new} ${state}
if load ${boot} ${old} uboot.bak && cmp.b ${new} ${old} ${size}; then echo "slots: unchanged"; else setenv save yes; fi
if test -n "${save}"; then run write; fi
echo "slots: ${slot} of ${BOOT_ORDER}, attempts left A ${BOOT_A_LEFT} B ${BOOT_B_LEFT}"

if test "${slot}" = A; then setenv part 2; setenv label slot-a; else setenv part 3; setenv label slot-b; fi
setenv from ${devtype} ${devnum}:${part}
setenv bootargs "root=PARTLABEL=${label} ro rootwait rauc.slot=${slot} panic=10 systemd.gpt_auto=no ${board_args}"
setenv initrd -
if load ${from} ${kernel_addr_r} boot/vmlinuz; then
  if load ${from} ${ramdisk_addr_r} boot/initrd.img; then setenv initrd ${ramdisk_addr_r}:${filesize}; fi
  if test -n "${fdtfile}"; then setenv fdt ${fdt_addr_r}; load ${from} ${fdt} boot/dtbs/${fdtfile}; fi
  if test -n "${overlays}"; then
    fdt addr ${fdt}; fdt resize 0x4000
    for o in ${overlays}; do load ${from} ${fdtoverlay_addr_r} boot/overlays/${o}.dtbo && fdt apply ${fdtoverlay_addr_r}; done
  fi
  booti ${kernel_addr_r} ${initrd} ${fdt}
fi

# Only reached when the kernel cannot be started.
echo "slots: ${slot} cannot be started"
setenv BOOT_${slot}_LEFT 0
run write
reset
