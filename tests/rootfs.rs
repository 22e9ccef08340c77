//! What board/rootfs puts onto a device, held against the programs that will read it: systemd, udev, D-Bus, RAUC, nft,
//! e2fsck. `cargo test --test rootfs -- --nocapture` prints the exposure of every unit and what was skipped, and why: some
//! need root, for mounts of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "rootfs/bus.rs"]
mod bus;
#[path = "rootfs/files.rs"]
mod files;
#[path = "rootfs/firewall.rs"]
mod firewall;
#[path = "rootfs/identity.rs"]
mod identity;
#[path = "rootfs/overlay.rs"]
mod overlay;
#[path = "rootfs/rauc.rs"]
mod rauc;
#[path = "rootfs/share.rs"]
mod share;
#[path = "rootfs/state_partition.rs"]
mod state_partition;
#[path = "rootfs/udev.rs"]
mod udev;
#[path = "rootfs/units.rs"]
mod units;
