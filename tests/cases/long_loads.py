#!/usr/bin/env python3
"""Short runs of what bench/ runs for long, with the real binary: answers to mixed traffic are made again to the byte, and the
memory of a server stays where it is.

    tests/cases/long_loads.py build/release/upnext
"""
import pathlib
import re
import subprocess
import sys
import tempfile

from case import require, run_cases
from follow import Site

BENCH = pathlib.Path(__file__).resolve().parent.parent.parent / "bench"


def run_bench(site, script, *options):
    done = subprocess.run([sys.executable, BENCH / script, "--upnext", site.upnext, "-c", site.folder / "site.toml",
                           "--project-dir", site.folder / ".upnext" / "site", *options],
                          capture_output=True, text=True, timeout=280)
    require(done.returncode == 0, script, done.stdout, done.stderr)
    return done.stdout


def answers_to_mixed_traffic_are_made_again(site):
    said = run_bench(site, "serve_replay.py", "--answers", "300", "--threads", "2")
    same, different = re.search(r"(\d+) the same to the byte, (\d+) different", said).groups()
    require(int(same) > 150 and different == "0", said)


def memory_stays_where_it_is(site):
    """A bound for leaks of whole answers: buffers of the store and of the allocator still fill in so short a time."""
    run_bench(site, "flat_memory.py", "--seconds", "30", "--most-mib", "48")


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Site(pathlib.Path(sys.argv[1]).resolve(), folder)
        site.run("import", data=site.export("first"))
        site.run("train", data=site.folder)
        site.run("train", "--seed", "9", "--force", data=site.folder)
        return run_cases([answers_to_mixed_traffic_are_made_again, memory_stays_where_it_is], site)


if __name__ == "__main__":
    sys.exit(main())
