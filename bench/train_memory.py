#!/usr/bin/env python3
"""Memory of a whole `upnext train`, compared with its minimum: parameters, optimiser state and mapped log.

    bench/train_memory.py [--items 1000000 --users 100000 --watches 3000000] [--out docs/results/NAME.md]

Makes a log of watches drawn evenly, which is the worst case for the lists of co-watched items: nearly every pair is a
new one. Trains a candidate model on it, without a ranker, and reads VmHWM, the peak of the process, during each stage of
the progress bar.
"""
import argparse
import datetime
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = """
[import]
events = '''
SELECT 'u' || (i % {users}) AS "user", 'i' || (hash(i) % {items}) AS item, 1700000000 + i AS time, 'complete' AS type
FROM range({watches}) t(i)
'''
[labels]
complete = "event"
[split]
kind = "leave-one-out"
[retrieval]
dim = {dim}
depth = 1
negatives = {negatives}
batch = 1024
max_per_user = 1
epochs = 1
[retrieval.index]
kind = "{index}"
graph_build_effort = {graph_build_effort}
"""


def peaks_by_stage(command):
    """[(stage, peak in bytes up to its end)] by the stages of the progress bar on a terminal; then the whole run."""
    peaks, shown = {}, ""
    terminal, drawn = pty.openpty()
    os.set_blocking(terminal, False)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=drawn)
    done = 0
    while not done:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        try:
            shown += os.read(terminal, 1 << 20).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.02)
        try:
            peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            peak = None
        for stage in re.findall(r"([a-z][a-z ]*?) +\[[#.]{20}\]", shown):
            if peak:
                peaks[stage] = int(peak[1]) * 1024
        shown = shown[shown.rfind("]") + 1:]
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{shown}")
    return [*peaks.items(), ("the whole, with the bundle written", usage.ru_maxrss * 1024)]


def folder_bytes(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=ROOT / "build/release/upnext")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--watches", type=int, default=3_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--index", choices=["exact", "graph"], default="exact", help="building a graph of a million items takes long")
    parser.add_argument("--graph-build-effort", type=int, default=200, help="a lower value is faster; the memory is the same")
    parser.add_argument("--negatives", type=int, default=512)
    parser.add_argument("--out", type=pathlib.Path, help="also write the table there, as Markdown")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        project = folder / "memory.toml"
        project.write_text(PROJECT.format(**vars(o)))
        verb = lambda name: [str(o.upnext), name, "-c", str(project), "--project-dir", str(folder / "p")]
        subprocess.run(verb("import"), check=True, capture_output=True)
        peaks = peaks_by_stage(verb("train"))
        parameters = next((folder / "p" / "bundles").rglob("candidate.uxs")).stat().st_size
        state = 2 * 4 * (parameters // (2 * 4 * o.dim))  # row-wise Adagrad: one number per row of both tables
        log = folder_bytes(folder / "p" / "log")
    least = parameters + state + log
    lines = ["| up to the end of | peak, GB | times parameters + optimiser + mapped log |", "|---|---:|---:|"]
    lines += [f"| {stage} | {peak / 1e9:.3f} | {peak / least:.3f} |" for stage, peak in peaks]
    table = "\n".join(lines)
    figures = f"parameters {parameters / 1e6:,.0f} MB, optimiser {state / 1e6:,.0f} MB, mapped log {log / 1e6:,.0f} MB"
    print(f"{figures}\n{table}")
    if o.out:
        commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        o.out.write_text(f"# Memory of a whole `upnext train`\n\n{datetime.date.today()}, commit {commit.stdout.strip()}. Command: "
                         f"`bench/train_memory.py`: {o.watches:,} watches by {o.users:,} users, evenly drawn from {o.items:,} items, dim "
                         f"{o.dim}, depth 1, {o.index} index, one example per user, one epoch, seed 1; {figures}.\n\n{table}\n")


if __name__ == "__main__":
    main()
