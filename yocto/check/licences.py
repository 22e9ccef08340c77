#!/usr/bin/env python3
"""Holds the recipe's LICENSE against the licences of the crates that are linked into the daemon.

Takes in the LICENSE of the recipe and `cargo tree` for the target; fails when a crate's licence cannot be met by the
licences that the recipe names. Crates that only run on the build machine (proc-macros, build scripts) are not linked.
"""

import re
import subprocess
import sys

TARGET = "aarch64-unknown-linux-gnu"


def met(expression, licences):
    """Whether an SPDX expression of a crate (AND, OR, WITH, brackets; `/` as of old) is met by a set of licences."""
    expression = re.sub(r"\s+WITH\s+", "-with-", expression.replace("/", " OR "))
    tokens = re.findall(r"[()]|[\w.+-]+", expression)
    python = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    return eval(" ".join(python.get(t) or str(t in licences) for t in tokens), {"__builtins__": {}})  # only the words above


def main():
    recipe = sys.argv[1]
    with open(recipe, encoding="utf-8") as text:
        licence = re.search(r'^LICENSE = "([^"]+)"', text.read(), re.MULTILINE).group(1)
    licences = set(re.findall(r"[\w.-]+", licence))
    command = ["cargo", "tree", "--locked", "--offline", "--edges=normal,no-proc-macro", f"--target={TARGET}",
               "--prefix=none", "--no-dedupe", "--format={p}|{l}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print("licences: skipped, the crates are not on this machine: " + done.stderr.strip().splitlines()[-1])
        return
    crates = dict(line.split("|") for line in done.stdout.splitlines())
    unmet = sorted(f"{crate}: {licence}" for crate, licence in crates.items() if not met(licence, licences))
    if unmet:
        sys.exit(f"{recipe}: LICENSE does not name what these crates ask for:\n" + "\n".join(unmet))
    named = {word for licence in crates.values() for word in re.findall(r"[\w.-]+", licence)} & licences
    print(f"licences: {len(crates)} linked crates met by {' '.join(sorted(named))}")


if __name__ == "__main__":
    main()
