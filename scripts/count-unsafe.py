#!/usr/bin/env python3
"""Prints each direct dependency with its locked version, licence and how often `unsafe` stands in its
source, comments and strings apart: the figures of docs/dependencies.md. Needs the sources, as after a build.

    scripts/count-unsafe.py [MANIFEST ...]
"""

import json
import os
import re
import subprocess
import sys

COMMENTS_AND_STRINGS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"', re.S)


def metadata(manifest):
    command = ["cargo", "metadata", "--offline", "--locked", "--all-features", "--format-version", "1"]
    return json.loads(subprocess.check_output([*command, "--manifest-path", manifest]))


def count(manifest):
    total = 0
    for folder, _, names in os.walk(os.path.join(os.path.dirname(manifest), "src")):
        for name in (name for name in names if name.endswith(".rs")):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                total += len(re.findall(r"\bunsafe\b", COMMENTS_AND_STRINGS.sub(" ", file.read())))
    return total


def direct(found):
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    for member in found["workspace_members"]:
        names = {d["name"] for d in packages[member]["dependencies"] if not d.get("path")}
        for dependency in nodes[member]["deps"]:
            package = packages[dependency["pkg"]]
            if package["name"] in names:
                yield package["name"], package


def main():
    for manifest in sys.argv[1:] or ["Cargo.toml"]:
        for name, package in sorted(dict(direct(metadata(manifest))).items()):
            print(f"{name} {package['version']}  {package['license']}  {count(package['manifest_path'])}")


main()
