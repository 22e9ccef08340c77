#!/usr/bin/env python3
"""Holds the kas files with kas itself, without a network: schema, includes, checkout, locking, the configuration that it writes.

Takes in yocto/kas.yml and yocto/kas/*.yml. Every repository that they name is stood in for by an empty local one with that
branch and those layer folders (git's insteadOf), so that kas does all but fetch the real thing. That the real repositories
have these branches is not shown here; yocto/README.md says how that was looked up.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BASE = "yocto/kas.yml"
BOARDS = {"spinewatch-virtual-aarch64": [], "spinewatch-radxa-rock-5b": ["yocto/kas/radxa-rock-5b.yml"],
          "spinewatch-imx8mp-evk": ["yocto/kas/imx8mp-evk.yml"]}
EXTRAS = ["yocto/kas/offline.yml", "yocto/kas/vulnerabilities.yml"]


def command(*words, **options):
    """Runs a command; its output where it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"kas files: {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def stand_in(folder, name, repo, branch):
    """An empty repository with one branch and the layer folders that a kas file asks of it; returns its path."""
    path = folder / name
    for layer, state in (repo.get("layers") or {".": None}).items():
        if state != "disabled":
            conf = path / layer / "conf/layer.conf"
            conf.parent.mkdir(parents=True, exist_ok=True)
            conf.write_text(f'# Stand-in for {name}/{layer}.\n')
    if name == "openembedded-core":
        script = path / "oe-init-build-env"
        script.write_text('mkdir -p "$1/conf" && cd "$1" && export BUILDDIR=$PWD\n')
    path.mkdir(parents=True, exist_ok=True)
    (path / "README").write_text("stand-in\n")
    command("git", "init", "-q", "-b", branch, path)
    command("git", "-C", path, "add", "-A")
    command("git", "-C", path, "-c", "user.name=check", "-c", "user.email=check@localhost", "commit", "-q", "-m", "stand-in")
    return path


def repositories(files):
    """The repositories of some kas files, merged, with their branches."""
    repos, default = {}, None
    for file in files:
        content = yaml.safe_load((SOURCE / file).read_text())
        default = content.get("defaults", {}).get("repos", {}).get("branch", default)
        repos.update({name: repo for name, repo in content.get("repos", {}).items() if "url" in repo})
    return {name: (repo, repo.get("branch", default)) for name, repo in repos.items()}


def check(work, machine, files):
    """One combination: kas checks out, writes the build's configuration, locks, and dumps the whole."""
    origin, build = work / "origin", work / "work"
    build.mkdir(parents=True)
    gitconfig = work / "gitconfig"
    environment = {**os.environ, "KAS_WORK_DIR": str(build), "GITCONFIG_FILE": str(gitconfig)}
    repos = repositories(files)
    with gitconfig.open("w") as config:
        for name, (repo, branch) in repos.items():
            path = stand_in(origin, name, repo, branch)
            config.write(f'[url "file://{path}"]\n\tinsteadOf = {repo["url"]}\n')
    joined = ":".join(str(SOURCE / file) for file in files)
    command("kas", "checkout", joined, env=environment)
    layers = (build / "build/conf/bblayers.conf").read_text()
    for name, (repo, _) in repos.items():
        for layer, state in (repo.get("layers") or {".": None}).items():
            wanted = str(pathlib.Path(name) / layer) if layer != "." else name
            if state != "disabled" and wanted not in layers:
                sys.exit(f"kas files: {machine}: {wanted} is not in the layers that kas writes")
    if "yocto/meta-spinewatch" not in layers:
        sys.exit(f"kas files: {machine}: our own layer is not among them")
    local = (build / "build/conf/local.conf").read_text()
    for setting in (f'MACHINE ??= "{machine}"', 'DISTRO ??= "spinewatch"', "rm_work"):
        if setting not in local:
            sys.exit(f"kas files: {machine}: kas does not write {setting}")
    dump = yaml.safe_load(command("kas", "dump", "--resolve-refs", joined, env=environment))
    loose = [name for name, repo in dump["repos"].items() if repo and "url" in repo and "commit" not in repo]
    if loose:
        sys.exit(f"kas files: {machine}: not locked by kas: {loose}")
    return f"{machine}: {len(repos)} repositories checked out, configured, locked by commit"


def main():
    for machine, files in BOARDS.items():
        # The extras go with any board; with one they are held.
        extras = EXTRAS if machine.endswith("rock-5b") else []
        with tempfile.TemporaryDirectory() as folder:
            words = check(pathlib.Path(folder), machine, [BASE, *files, *extras])
        print(f"kas: {words}{' (with offline, vulnerabilities)' if extras else ''}")


if __name__ == "__main__":
    main()
