#!/usr/bin/env python3
"""Makes a wheel of a folder with the program and its libraries, of python/upnext, and of pyproject.toml.

usage: assemble.py TREE WHEEL_FOLDER        TREE/upnext/{bin,lib} as `cmake --install --component python` writes it

The wheel is a plain one for Linux: auditwheel puts the other libraries into it. Their licences are in it already.
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pyproject_metadata

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYSTEM = re.compile(r"lib(c|m|dl|rt|z|pthread|gcc_s|stdc\+\+)\.so|ld-linux|linux-vdso")  # of every Linux, by the policy of the wheel
TIME = (2020, 1, 1, 0, 0, 0)  # the same inputs give the same bytes


def toml(path):
    """The tables of a file, also by a Python without a reader of TOML."""
    try:
        import tomllib
    except ImportError:
        from pip._vendor import tomli as tomllib
    return tomllib.loads(path.read_text(encoding="utf-8"))


def borrowed_libraries(tree):
    """The libraries of this system that the program and its library load, by path."""
    found = set()
    for file in [*(tree / "upnext/bin").iterdir(), *(tree / "upnext/lib").iterdir()]:
        said = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
        for name, path in re.findall(r"^\s*(\S+) => (\S+)", said, re.MULTILINE):
            if path == "not":
                raise SystemExit(f"assemble: {file.name} needs {name}, which is not on this system")
            if not SYSTEM.match(name) and tree not in pathlib.Path(path).resolve().parents:
                found.add(os.path.realpath(path))
    return sorted(found)


def licences(tree, folder):
    """Puts the licence of each library that the wheel will contain into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    names = {}
    for path in borrowed_libraries(tree):
        said = subprocess.run(["dpkg", "-S", path, path.replace("/usr/lib", "/lib", 1)], capture_output=True, text=True).stdout
        if not said:
            raise SystemExit(f"assemble: {path} is of no package, so its licence is unknown")
        package = said.split(":")[0]
        names.setdefault(package, []).append(os.path.basename(path))
        shutil.copyfile(f"/usr/share/doc/{package}/copyright", folder / f"{package}.txt")
    lines = ["The libraries in this package that are of others, as Debian distributes them; their licences are in this folder.", ""]
    lines += [f"{package}: {', '.join(files)}" for package, files in sorted(names.items())]
    lines += ["DuckDB: libduckdb.so, MIT licence, Copyright 2018-2026 Stichting DuckDB Foundation, https://duckdb.org", ""]
    (folder / "NOTICE").write_text("\n".join(lines), encoding="utf-8")


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    tree, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    project = toml(ROOT / "pyproject.toml")
    metadata = pyproject_metadata.StandardMetadata.from_pyproject(project, project_dir=ROOT)
    name = f"{metadata.name}-{metadata.version}"
    info = tree / f"{name}.dist-info"
    licences(tree, info / "licenses")
    package = ROOT / "python" / "upnext"
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            target = tree / "upnext" / path.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    (info / "METADATA").write_bytes(bytes(metadata.as_rfc822()))
    tag = "py3-none-linux_x86_64"
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: upnext\nRoot-Is-Purelib: false\nTag: {tag}\n")
    scripts = "".join(f"{script} = {target}\n" for script, target in project["project"]["scripts"].items())
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{scripts}")
    record = []
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out / f"{name}-{tag}.whl", "w", zipfile.ZIP_STORED) as wheel:
        def add(place, data, mode):
            entry = zipfile.ZipInfo(place, TIME)
            entry.external_attr = (0o100000 | mode) << 16
            wheel.writestr(entry, data)
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                place, data = path.relative_to(tree).as_posix(), path.read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                record.append(f"{place},sha256={digest},{len(data)}\n")
                add(place, data, 0o755 if "/bin/" in place or ".so" in path.name else 0o644)
        record.append(f"{name}.dist-info/RECORD,,\n")
        add(f"{name}.dist-info/RECORD", "".join(record), 0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
