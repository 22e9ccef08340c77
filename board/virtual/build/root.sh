#!/bin/sh
# The distribution's part of the root file system as a tar: packages, kernel, modules; nothing of ours.
#   root.sh OUT.tar
# The only step that needs a network. Packages are unpacked, none of their scripts run: no arm64 program is needed to build,
# and what the scripts would have done is done by build/settle.sh. Needs root and mmdebstrap.
set -eu
here=$(dirname "$(dirname "$(realpath "$0")")")
out=$1
suite=trixie
# RAUC 1.15.2 or newer (CVE-2026-34155) is in the suite after it.
next=forky

# The mirror that this machine's own apt is set up with.
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
test -n "$mirror" || { echo "root.sh: apt knows no Debian mirror: run apt-get update first" >&2; exit 1; }

# And its word on lists that have expired, as those of a mirror that stands still.
expired=$(apt-config shell value Acquire::Check-Valid-Until/b)
eval "$expired"

packages=$(sed 's/#.*//' "$here/packages" | paste -sd, | sed 's/,,*/,/g; s/^,//; s/,$//')
pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n\nPackage: rauc rauc-service libnl-3-200 libnl-genl-3-200\nPin: release n=%s\nPin-Priority: 990\n' \
    "$next" "$next" > "$pins"

# RAUC's own D-Bus policy lets anyone control it; ours is in board/rootfs.
mmdebstrap --format=tar --variant=extract --arch=arm64 --mode=root --include='?essential' --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --aptopt="Acquire::Check-Valid-Until \"${value:-true}\"" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/dbus-1/system.d/de.pengutronix.rauc.conf' \
    --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\" && cp '$pins' \"\$1/etc/apt/preferences.d/next\"" \
    --extract-hook="'$here/build/unpack.sh' \"\$1\"" \
    "$suite" "$out.new" "deb $mirror $suite main" "deb $mirror $next main"
mv "$out.new" "$out"
