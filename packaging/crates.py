"""The crates that a program holds, as cargo resolves them for it."""

import json
import pathlib
import subprocess
import tomllib
from dataclasses import dataclass, field

PROGRAMS = ["dt-cred", "dt-credd"]


@dataclass
class Crate:
    """One crate of Cargo.lock, and those that it is built with."""

    name: str
    version: str
    licence: str
    ours: bool
    folder: pathlib.Path
    checksum: str | None
    needs: set[tuple[str, str]] = field(default_factory=set)


def cargo(*words):
    """What cargo answers."""
    return subprocess.run(["cargo", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def held(target):
    """The crates whose code is in the programs for this target, by name and version. Macros and what runs at build time are not."""
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    folders = {(one["name"], one["version"]): pathlib.Path(one["manifest_path"]).parent for one in metadata["packages"]}
    crates = {}
    for program in PROGRAMS:
        # One by one: together the features of one would be the other's too.
        options = ["--package", program, "--target", target, "--edges", "normal,no-proc-macro"]
        above = []
        for line in cargo("tree", "--locked", "--prefix", "depth", "--format", "\t{p}\t{l}", *options).splitlines():
            depth, package, licence = line.split("\t")
            name, version = package.split()[:2]
            key = name, version.removeprefix("v")
            # Manifests of before SPDX's expressions have a slash; (*) marks what stands further up in full.
            licence = licence.removesuffix(" (*)").replace("/", " OR ")
            checksum = checksums[key]
            crates.setdefault(key, Crate(*key, licence, checksum is None, folders[key], checksum))
            del above[int(depth) :]
            if above:
                crates[above[-1]].needs.add(key)
            above.append(key)
    return dict(sorted(crates.items()))
