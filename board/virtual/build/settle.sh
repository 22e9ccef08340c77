#!/bin/sh
# What the packages' own scripts would have done in the tree ROOT, as far as a device needs it; no arm64 program is run.
#   settle.sh ROOT
set -eu
root=$1

cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
# Nobody logs in by password; the virtual board's console needs none.
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/passwd"
rm -f "$root/etc/shadow" "$root/etc/gshadow"
# Locked accounts, which older systemd-sysusers on the building machine do not know.
sed -i 's/^u!/u/' "$root"/usr/lib/sysusers.d/*.conf
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n' > "$root/etc/nsswitch.conf"
test -e "$root/etc/profile" || cp "$root/usr/share/base-files/profile" "$root/etc/profile"
test -e "$root/usr/bin/awk" || ln -s mawk "$root/usr/bin/awk"
rm -f "$root/etc/resolv.conf" "$root/etc/fstab"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
rm -rf "$root/var/run" "$root/var/lock"
ln -s /run "$root/var/run"
ln -s /run/lock "$root/var/lock"
mkdir -p "$root/etc/ssl/certs"
find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + > "$root/etc/ssl/certs/ca-certificates.crt"
# Nothing needs to be brought up to date at the first boot: ldconfig, catalogues.
touch "$root/etc/.updated" "$root/var/.updated"
echo spinewatch > "$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
