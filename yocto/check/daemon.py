"""The daemon's recipe beyond its parse: the offline build's sources, and what is asked of cargo.

Takes in the recipe's data store and cargo's cache of .crate files. Compiles nothing.
"""

import os
import pathlib
import re
import subprocess

import engine
from engine import bb, need


def crates(d, cache):
    """Fetches (from cargo's cache, by checksum), unpacks, configures; then cargo itself resolves offline from that alone."""
    downloads = pathlib.Path(d.getVar("DL_DIR"))
    downloads.mkdir(parents=True, exist_ok=True)
    wanted = re.findall(r"crate://crates.io/([^/ ]+)/(\S+)", d.getVar("SRC_URI"))
    missing = [f"{name}-{version}" for name, version in wanted if not (cache / f"{name}-{version}.crate").exists()]
    if missing:
        return f"crates: skipped, {len(missing)} of {len(wanted)} are not in {cache} (first {missing[0]}); `cargo fetch` gets them"
    for name, version in wanted:
        (downloads / f"{name}-{version}.crate").symlink_to(cache / f"{name}-{version}.crate")
    bb.fetch2.Fetch(d.getVar("SRC_URI").split(), d).download()
    engine.run("do_unpack", d)
    engine.run("do_configure", d)
    command = ["cargo", "metadata", "--format-version=1", "--frozen", "--config", d.getVar("CARGO_VENDORED_CONFIG"),
               "--manifest-path", d.getVar("CARGO_MANIFEST_PATH")]
    home = d.expand("${WORKDIR}/empty-home")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CARGO_HOME": home})
    need(done.returncode == 0, f"cargo cannot build from what bitbake fetched:\n{done.stderr}")
    need(d.getVar("CARGO_VENDORED_DIR") in done.stdout, "cargo took crates from elsewhere")
    return f"crates: {len(wanted)} fetched by checksum and unpacked; cargo resolves from them, offline, with an empty home"


def wrapped(d):
    """Runs do_compile with a cargo that only notes how it is called: one build, audited, frozen, from the fetched crates."""
    tools = pathlib.Path(d.expand("${WORKDIR}/tools"))
    tools.mkdir(parents=True)
    calls = tools / "calls"
    (tools / "cargo").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    (tools / "cargo").chmod(0o755)
    d.setVar("PATH", f"{tools}:{d.getVar('PATH')}")
    engine.run("do_compile", d)
    builds = [call for call in calls.read_text().splitlines() if "build" in call]
    need(len(builds) == 1 and builds[0].startswith("auditable build "), f"cargo is called {builds}")
    for flag in ("--frozen", f"--config {d.getVar('CARGO_VENDORED_CONFIG')}", "--bin spinewatch", "--release"):
        need(flag in builds[0], f"cargo is called without {flag}: {builds[0]}")
    return "compile: cargo auditable build, frozen, from the fetched crates, one binary"
