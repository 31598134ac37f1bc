#!/usr/bin/env python3
"""Training speed and memory by number of items: `upnext bench train` from 10 thousand to 4 million.

    bench/scale_curve.py [--items 10000 100000 ...] [--out docs/results/NAME.md]
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=ROOT / "build/release/upnext")
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 400_000, 1_000_000, 2_000_000, 4_000_000])
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="passed on to `upnext bench train`")
    parser.add_argument("--out", type=pathlib.Path)
    o = parser.parse_args()
    lines = ["| items | examples/s | us per example | peak memory, GB | times parameters + optimiser | share of the roof |",
             "|---:|---:|---:|---:|---:|---:|"]
    for items in o.items:
        tokens = min(items, 1_000_000)
        command = [str(o.upnext), "bench", "train", "--json", "--items", str(items), "--tokens", str(tokens), *o.flags]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(run.stderr)
        r = json.loads(run.stdout)
        lines.append(f"| {items:,} | {r['examples_per_s']:,.0f} | {1e6 / r['examples_per_s']:.1f} | {r['peak_rss_bytes'] / 1e9:.2f} "
                     f"| {r['peak_rss_bytes'] / r['model_bytes']:.2f} | {r['roof_share']:.0%} |")
        print(lines[-1], file=sys.stderr)
    table = "\n".join(lines)
    print(table)
    if o.out:
        commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
        o.out.write_text(f"# Training speed and the number of items\n\n{datetime.date.today()}, commit {commit.stdout.strip()}, {cpu} x "
                         f"{r['threads']} threads, {r['precision']}. Command: `bench/scale_curve.py`, seed {r['seed']}; dim {r['dim']}, depth "
                         f"{r['depth']}, bags of {r['bag']} + {r['bag']}, {r['negatives']} negatives, batch {r['batch']}; as many tokens as "
                         f"items, at most a million.\n\n{table}\n")


if __name__ == "__main__":
    main()
