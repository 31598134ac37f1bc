#!/usr/bin/env python3
"""Lists what a wheel needs from the system: libraries, versions of their symbols, and the system that its name promises.

usage: needs.py WHEEL           exit status 1 if it needs a library or a version that its name does not promise
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import elftools.elf.elffile

# The policy of manylinux promises these, and the versions of their symbols.
VERSIONED = {"GLIBC", "GLIBCXX", "CXXABI", "GCC"}


def read(path):
    """(needed libraries, {symbol family: versions}) of a file that is loaded, None of another one."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        file.seek(0)
        elf = elftools.elf.elffile.ELFFile(file)
        needed = [tag.needed for tag in elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")]
        versions, section = collections.defaultdict(set), elf.get_section_by_name(".gnu.version_r")
        for library, symbols in section.iter_versions() if section else ():
            for symbol in symbols:
                family, _, version = symbol.name.partition("_")
                if family in VERSIONED and re.fullmatch(r"[\d.]+", version):
                    versions[family].add((tuple(int(n) for n in version.split(".")), library.name))
        return needed, versions


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    wheel = pathlib.Path(sys.argv[1])
    promised = re.search(r"(manylinux_\d+_\d+)_(x86_64)", wheel.name)
    needed, versions, inside = collections.defaultdict(set), collections.defaultdict(set), set()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        for path in sorted(pathlib.Path(folder).rglob("*")):
            found = read(path) if path.is_file() else None
            if found:
                inside.add(path.name)
                for library in found[0]:
                    needed[library].add(path.name)
                for family, used in found[1].items():
                    versions[family] |= {(version, path.name) for version, _ in used}
    print("libraries inside:", ", ".join(sorted(inside)))
    outside = sorted(library for library in needed if library not in inside)
    print("libraries of the system:", ", ".join(outside))
    for family, used in sorted(versions.items()):
        newest = max(version for version, _ in used)
        print(f"{family}_{'.'.join(map(str, newest))}: {', '.join(sorted({name for version, name in used if version == newest}))}")
    if promised is None:
        print("its name promises no system older than the one that it was built on")
        return 1
    said = subprocess.run([sys.executable, "-m", "auditwheel", "show", wheel], capture_output=True, text=True, check=True).stdout
    tag = re.search(rf'"?({promised[1]}_{promised[2]})"?', said)
    print(f"its name promises {promised[1]}: glibc {promised[1].split('_', 1)[1].replace('_', '.')} or newer"
          + ("" if tag else ", which auditwheel does not confirm:\n" + said))
    return 0 if tag else 1


if __name__ == "__main__":
    sys.exit(main())
