#!/usr/bin/env python3
"""A page of docs/tutorials or docs/howto as a reader follows it: its files are written and its commands run, in order.

usage: tutorials.py [--packages DIR NAME,...] UPNEXT PAGE...

Several pages are followed one after the other in the same folder: a page may say that it continues another one.

- ```toml title="NAME" (any language): the file NAME of an empty folder has this content.
- ```sh: run by one bash, which stops at the first command that fails (of a pipe: whose last part fails).
- ```text: what the block before it prints, among other lines. A number stands for any number, `...` for anything.
- <!-- needs NAME -->: what is below is left out, and this says so, where Python has no module NAME, which is too large for every run.
  To run it too, install NAME once in DIR of --packages. The package upnext is that of python/, with the library next to UPNEXT.

Ends with 77 when curl is missing, and when the Python packages of --packages, for which a virtual environment is made in
DIR, cannot be had."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from case import Failed, python_with, require

BLOCK = re.compile(r'^```(\w+)(?: +title="([^"]+)")?[^\n]*\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^<!-- needs (\w+) -->$", re.MULTILINE)
PACKAGE = str(pathlib.Path(__file__).resolve().parent.parent.parent / "python")
MARK = "@@ end of block "
NUMBER = r"[-+]?[\d.,]*\d"


def pattern_of(line):
    """The expression that a line of a page stands for."""
    parts = re.split(rf"(\s*\.\.\.\s*|{NUMBER}|\s+)", line.strip())
    return "".join(".*" if "..." in p else r"\s+" if p.isspace() else NUMBER if re.fullmatch(NUMBER, p) else re.escape(p)
                   for p in parts if p)


def steps_of(page):
    """[(commands, [expected lines])] of a page, and {name: text} of its files."""
    steps, files = [], {}
    for kind, title, text in BLOCK.findall(page):
        if title:
            files[title] = text
        elif kind == "sh":
            steps.append((text, []))
        elif kind == "text" and steps:
            steps[-1][1].extend(line for line in text.splitlines() if line.strip())
    return steps, files


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def runnable(page, path):
    """The page, up to what needs a module that the Python of this PATH has not."""
    for need in NEEDS.finditer(page):
        if subprocess.run(["python3", "-c", f"import {need[1]}"], env={"PATH": path}, capture_output=True).returncode:
            print(f"left out: what needs the Python module {need[1]}")
            return page[:need.start()]
    return page


def run(upnext, pages, programs=""):
    steps, files, path = [], {}, f"{programs}/usr/local/bin:/usr/bin:/bin"
    for page in pages:
        more, named = steps_of(runnable(page.read_text(encoding="utf-8"), path))
        require(more, page, "has no commands")
        steps.extend(more)
        files.update(named)
    port = free_port()
    script = ["set -eu", "exec 2>&1", "trap 'for job in $(jobs -p); do kill $job; wait $job || true; done' EXIT"]
    for number, (commands, _) in enumerate(steps):
        script.append(commands.replace("8080", port) + f'printf "\\n%s\\n" "{MARK}{number}"')
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "work"
        (place.parent / "bin").mkdir()
        (place.parent / "bin" / "upnext").symlink_to(upnext)
        place.mkdir()
        for name, text in files.items():
            (place / name).write_text(text.replace("8080", port), encoding="utf-8")
        environment = {"PATH": f"{place.parent}/bin:{path}", "HOME": folder, "LANG": "C.UTF-8", "PYTHONPATH": PACKAGE,
                       "UPNEXT_BUILD": os.path.dirname(upnext)}
        process = subprocess.Popen(["bash"], cwd=place, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, start_new_session=True)
        try:
            said, _ = process.communicate("\n".join(script), timeout=800)
        except subprocess.TimeoutExpired as error:
            process.send_signal(signal.SIGTERM)  # bash's trap ends the server
            said, _ = process.communicate(timeout=20)
            raise Failed("not done after 800 s; it printed", said[-2000:]) from error
    for number, (commands, expected) in enumerate(steps):
        printed, mark, said = said.partition(f"{MARK}{number}\n")
        require(mark, "these commands failed:\n", commands, "\nthey printed\n", printed[-3000:])
        at = 0
        for line in expected:
            found = re.compile(pattern_of(line)).search(printed, at)
            require(found, f"expected the line\n{line}\nafter\n{commands}\nwhich printed\n{printed[-3000:]}")
            at = found.end()


def main():
    programs = ""
    if sys.argv[1:2] == ["--packages"] and len(sys.argv) > 3:
        programs = python_with(sys.argv[2], sys.argv[3].split(","))
        del sys.argv[1:4]
        if programs is None:
            print("skipped: PyPI could not give the Python packages")
            return 77
        programs = f"{programs}:"
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("curl") is None:
        print("skipped: curl is missing")
        return 77
    pages = [pathlib.Path(name) for name in sys.argv[2:]]
    try:
        run(str(pathlib.Path(sys.argv[1]).resolve()), pages, programs)
    except Failed as error:
        print(f"FAILED  {pages[-1].name}: {error}")
        return 1
    print(f"ok      {pages[-1].name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
