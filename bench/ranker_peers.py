#!/usr/bin/env python3
"""Training steps of the multitask ranker: upnext compared with PyTorch, alternately on the same machine.

    python3 -m venv ../peers && ../peers/bin/pip install torch numpy       once, outside the repository
    bench/ranker_peers.py --python ../peers/bin/python [--rounds 3] [--small] [--out docs/results/NAME.md]

Each round runs every program once; the table gives the median, lowest and highest rate over the rounds and the ratio to
the fastest configuration of the peer. All programs must agree on multiplications and rows read per example. The second
table, of processor time, is for machines that other programs load. --small takes seconds and only checks that the script works.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import sys

import train_peers as peers

BATCHES = [("", []), (", batch 4,096", ["--batch", "4096"])]
STYLES = [("naive", ["--style", "naive"]), ("tuned", []), ("tuned, compiled", ["--compile"])]


def program_runs(o, size, bf16):
    """Names and commands; upnext in its default precision, PyTorch in both where bf16 is fast."""
    ours = [str(o.upnext), "bench", "train", "--stage", "ranking", "--roof-bytes", "4194304", "--json", *size]
    runs = [(f"upnext{name}", [*ours, *flags]) for name, flags in BATCHES]
    if bf16:
        runs.append(("upnext, fp32", [*ours, "--fp32"]))
    if not o.python:
        return runs
    script = str(peers.ROOT / "bench/peers/pytorch_ranker.py")
    for style, flags in STYLES:
        for precision, more in [("", []), (", bf16", ["--bf16"])][:2 if bf16 else 1]:
            runs += [(f"PyTorch, {style}{precision}{name}", [o.python, script, *flags, *more, *batch, *size])
                     for name, batch in BATCHES]
    return runs


def check_same_work(details):
    """Multiplications must be equal, rows read nearly: lists have random lengths."""
    first_name, first = next(iter(details.items()))
    for name, result in details.items():
        if result["multiplications"] != first["multiplications"] or abs(result["rows_read"] - first["rows_read"]) > 3:
            sys.exit(f"{name} and {first_name} do not do the same work: {result['multiplications']} and "
                     f"{first['multiplications']} multiplications, {result['rows_read']} and {first['rows_read']} rows")


def work_of(results):
    """Processor time of 1,000 examples, all threads together."""
    lines = ["| program | processor ms per 1,000 examples (median) | least | most |", "|---|---:|---:|---:|"]
    for name, of_name in results.items():
        ms = [1e6 * r["cpu_step_s"] / r["batch"] for r in of_name]
        lines.append(f"| {name} | {statistics.median(ms):.1f} | {min(ms):.1f} | {max(ms):.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=peers.ROOT / "build/release/upnext")
    parser.add_argument("--python", help="interpreter with torch installed; without it only upnext runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each of the 30 tables")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table there, as Markdown")
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    rows = 2000 if o.small else o.rows
    size = ["--rows", str(rows), "--steps", str(2 if o.small else o.steps), "--threads", str(o.threads)]
    bf16 = any(flag in peers.cpu("flags") for flag in ("avx512_bf16", "amx_bf16"))
    results = peers.measure(program_runs(o, size, bf16), o.rounds)
    rates, details = peers.rates_of(results), {name: of_name[-1] for name, of_name in results.items()}
    check_same_work(details)
    table, work = peers.table_of(rates), work_of(results)
    if o.json:
        print(json.dumps({"rates": rates, "details": details}, indent=2))
    else:
        print(f"{table}\n\n{work}")
    if o.out:
        ours = details["upnext"]
        o.out.write_text(
            f"# Training speed of the ranker compared with PyTorch\n\n{datetime.date.today()}, commit {peers.commit()}, "
            f"{peers.cpu('model name')} x {ours['threads']} threads, {ours['simd']}, products in {ours['precision']}, load "
            f"average {os.getloadavg()[0]:.1f}. Command: `bench/ranker_peers.py --python PYTHON --rounds {o.rounds} --rows {rows} "
            f"--steps {o.steps} --threads {o.threads}`, seed 1.\n\n{table}\n\n{work}\n\nAn example has {ours['multiplications']:,} "
            f"multiplications and reads {ours['rows_read']:.1f} rows.\n")


if __name__ == "__main__":
    main()
