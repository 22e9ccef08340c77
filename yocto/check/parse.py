#!/usr/bin/env python3
"""Parses the layer with bitbake's own engine, for each machine, against stand-ins of the other layers, and runs our tasks.

Takes in yocto/meta-spinewatch, yocto/check/standin and the repository; hands on a line per finding that was held, and fails
at the first that was not. Never fetches. bitbake holds: syntax, inherits and requires, Python, LAYERSERIES_COMPAT,
LAYERDEPENDS, the shell and Python of every task. Held here: files that SRC_URI names, a checksum for every crate, appends
that apply, versions, the disk layout, and what our own tasks install.

    yocto/check/parse.py [--crates FOLDER]      FOLDER: cargo's cache of .crate files; proves the offline build's sources
"""

import argparse
import pathlib
import re
import shutil
import sys
import tempfile

import daemon
import engine
from engine import SOURCE, bb, need


def uris(d):
    """Every URI of SRC_URI: known to a fetcher, present where local, with a checksum where a crate. Returns their kinds."""
    kinds = {}
    source = (d.getVar("SRC_URI") or "").split()
    for uri, ud in bb.fetch2.Fetch(source, d).ud.items() if source else ():
        kinds[ud.type] = kinds.get(ud.type, 0) + 1
        ud.setup_localpath(d)
        if ud.type == "file":
            need(pathlib.Path(ud.localpath).exists(), f"{d.getVar('PN')}: {uri} names a file that is not there")
        if "crates.io" in uri:
            need(ud.sha256_expected, f"{d.getVar('PN')}: {uri} has no sha256sum")
    return kinds


def versions(d):
    """The daemon's version is said in Cargo.toml, the recipe's name and DISTRO_VERSION (which bundles carry)."""
    cargo = re.search(r'^version = "(.+)"', (SOURCE / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    need(d.getVar("PV") == cargo, f"spinewatch_{d.getVar('PV')}.bb, but Cargo.toml says {cargo}: rename the recipe")
    need(d.getVar("DISTRO_VERSION") == cargo, f"DISTRO_VERSION is {d.getVar('DISTRO_VERSION')}, Cargo.toml says {cargo}")


def disk(d):
    """The kickstart file with the machine's values: the partitions that boot.cmd and udev rules count on, in their order."""
    template = (engine.LAYER / "files/wic" / d.getVar("WKS_FILE")).read_text()
    lines = [line for line in d.expand(template).splitlines() if line.strip() and not line.startswith("#")]
    need("${" not in "".join(lines), f"{d.getVar('WKS_FILE')}: a variable has no value: {lines}")
    names = [match.group(1) for line in lines if (match := re.search(r"--part-name (\S+)", line))]
    need(names == ["boot", "slot-a", "slot-b", "data"], f"partitions are {names}")
    loaders = [line for line in lines if "--no-table" in line]
    need(all("--offset" in line for line in loaders), "a boot loader without its place")
    return f"disk: {len(loaders)} loader part(s), {' '.join(names)}"


def configuration(d):
    """Installs board/rootfs as the image gets it; every unit and account that the recipe names must come from there."""
    engine.run("do_unpack", d)
    engine.run("do_install", d)
    image = pathlib.Path(d.getVar("D"))
    there = {p.relative_to(image) for p in image.rglob("*") if p.is_file()}
    for overlay in d.getVar("SPINEWATCH_OVERLAYS").split():
        wanted = {p.relative_to(overlay) for p in pathlib.Path(overlay).rglob("*") if p.is_file()}
        missing = wanted - there - {pathlib.Path("etc/machine-id")}
        need(not missing, f"not installed: {sorted(map(str, missing))}")
    need(not any((image / top).exists() for top in ("lib", "bin", "sbin")), "a file outside /usr: the distribution merges them")
    units = d.getVar("SYSTEMD_SERVICE:spinewatch-conf").split()
    for unit in units:
        need(any(p.name == unit and "systemd/system" in str(p) for p in there), f"{unit}: enabled, not installed")
    need("spinewatch.service" in units, f"spinewatch.service is not among the enabled units: {units}")
    mounts = re.findall(r"^Where=(.+)", "".join((image / p).read_text() for p in there if p.suffix == ".mount"), re.MULTILINE)
    lost = [place for place in mounts if not place.startswith("/var") and not (image / place[1:]).is_dir()]
    need(not lost, f"mount points that are not there: {lost}")
    share = image / "srv/ct"
    need(not share.exists() or not share.stat().st_mode & 0o777, "the share's mount point can be looked into while nothing is mounted")
    programs = [p for p in there if p.parts[:2] in (("usr", "bin"), ("usr", "sbin"))]
    idle = [str(p) for p in programs if not (image / p).stat().st_mode & 0o111]
    need(not idle, f"programs that nobody may run: {idle}")
    accounts = d.getVar("USERADD_PARAM:spinewatch-conf")
    need(accounts.split()[-1] == "spinewatch", f"no account for the daemon: {accounts}")
    return f"conf: {len(there)} files, {len(units)} units enabled, useradd {accounts}"


def slots(d):
    """RAUC's configuration: refused without a keyring, installed with one."""
    engine.run("do_unpack", d)
    d.setVar("SPINEWATCH_KEYRING", "")
    try:
        engine.run("do_install", d)
    except RuntimeError as refused:
        need("SPINEWATCH_KEYRING must name" in str(refused), str(refused))
    else:
        need(False, "spinewatch-rauc-conf installs without a keyring")
    keyring = pathlib.Path(d.getVar("WORKDIR"), "authority.pem")
    keyring.write_text("-----BEGIN CERTIFICATE-----\n")
    d.setVar("SPINEWATCH_KEYRING", str(keyring))
    engine.run("do_install", d)
    folder = pathlib.Path(d.getVar("D"), "etc/rauc")
    path = re.search(r"^path=(.+)", (folder / "system.conf").read_text(), re.MULTILINE).group(1)
    need((folder / pathlib.Path(path).name).exists() and path.startswith("/etc/rauc/"), f"system.conf asks for {path}")
    return f"rauc: compatible={d.getVar('MACHINE')}, keyring {path}; none without a keyring"


def boot(d):
    """The boot partition's files and the overlays, with the machine's own mkimage, mkenvimage and dtc."""
    missing = [tool for tool in ("mkimage", "mkenvimage", "dtc") if not shutil.which(tool)]
    if missing:
        return f"boot: skipped, no {' '.join(missing)} on this machine"
    bb.utils.mkdirhier(d.getVar("DEPLOYDIR"))
    for task in ("do_unpack", "do_compile", "do_install", "do_deploy"):
        engine.run(task, d)
    deployed = sorted(p.name for p in pathlib.Path(d.getVar("DEPLOYDIR")).iterdir())
    need(deployed == sorted(d.getVar("IMAGE_BOOT_FILES").split()), f"deployed {deployed}, IMAGE_BOOT_FILES asks for others")
    overlays = sorted(p.stem for p in pathlib.Path(d.getVar("D"), "boot/overlays").glob("*.dtbo"))
    return f"boot: {' '.join(deployed)}; overlays: {' '.join(overlays) or 'none'}"


# What is held of a recipe beyond its parse, once a machine.
HELD = {"spinewatch": versions, "spinewatch-image": disk, "spinewatch-conf": configuration, "spinewatch-rauc-conf": slots,
        "spinewatch-boot": boot}


def check(folder, name, cache):
    """One machine: everything parsed, then what our recipes do."""
    machine = engine.Machine(folder, name)
    count = 0
    print(f"{name}:")
    for file, variant, d in machine.parsed():
        kinds, tasks = uris(d), engine.functions(d)
        if not engine.own(file):
            continue
        count += 1
        pn = d.getVar("PN")
        print(f"  parsed {pn}: {tasks} tasks, {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items())) or 'no source'}")
        words = HELD[pn](d) if pn in HELD else None
        if words:
            print(f"    {words}")
        if pn == "spinewatch":
            print(f"    {daemon.wrapped(d)}")
            if cache:
                print(f"    {daemon.crates(d, cache)}")
    layer = {p for p in engine.LAYER.glob("**/*.bb")}
    need(count >= len(layer), f"{count} of {len(layer)} recipes were parsed: BBFILES misses some")
    need(not machine.unused_appends(), f"no recipe for {machine.unused_appends()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crates", type=pathlib.Path, help="cargo's cache of .crate files")
    cache = parser.parse_args().crates
    complaints = engine.Complaints()
    need(engine.MACHINES, "no machine in conf/machine")
    for name in engine.MACHINES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(pathlib.Path(folder), name, cache)
            except (bb.BBHandledException, RuntimeError) as error:
                sys.exit(f"{name}: {error}\n" + "\n".join(complaints.lines))
        cache = None
    need(not complaints.lines, "bitbake warned:\n" + "\n".join(complaints.lines))
    print(f"parsed for {len(engine.MACHINES)} machines with bitbake {bb.__version__}; the other layers were stand-ins")


if __name__ == "__main__":
    main()
