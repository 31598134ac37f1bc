#!/usr/bin/env python3
"""Training steps of the 1M-item candidate model: upnext compared with PyTorch, alternately on the same machine.

    python3 -m venv ../peers && ../peers/bin/pip install torch numpy       once, outside the repository
    bench/train_peers.py --python ../peers/bin/python [--rounds 3] [--small] [--out docs/results/NAME.md]

Each round runs every program once; the table gives the median, lowest and highest rate over the rounds and the
ratio to the fastest configuration of the peer. --small takes seconds and only checks that the script works.
"""
import argparse
import datetime
import json
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TUNED = [("", []), (", batch 4,096", ["--batch", "4096"]), (", compiled", ["--compile"]),
         (", compiled, batch 4,096", ["--compile", "--batch", "4096"])]


def peers(bf16):
    """Every style in the faster precision: without bf16 instructions PyTorch does 200 examples/s in bf16."""
    runs = [("PyTorch, naive", ["--style", "naive"]), ("PyTorch, expert", ["--style", "expert"])]
    if bf16:
        runs.append(("PyTorch, expert, bf16", ["--style", "expert", "--bf16"]))
    precision, flags = (", bf16", ["--bf16"]) if bf16 else ("", [])
    return runs + [(f"PyTorch, tuned{precision}{name}", ["--style", "tuned", *flags, *more]) for name, more in TUNED]


def upnext(command, bf16):
    half = [*command, "--bf16-tables"]
    runs = [("upnext", command), ("upnext, batch 4,096", [*command, "--batch", "4096"]), ("upnext, bf16 tables", half),
            ("upnext, bf16 tables, batch 4,096", [*half, "--batch", "4096"])]
    return runs + [("upnext, fp32", [*command, "--fp32"])] if bf16 else runs


def last_json(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed:\n{run.stderr[-2000:]}")
    text = run.stdout
    return json.loads(text if text.lstrip().startswith("{\n") else text.strip().splitlines()[-1])


def cpu(field):
    return next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith(field)), "")


def measure(runs, rounds):
    """Runs every program once a round: the results of each, by name."""
    results = {name: [] for name, _ in runs}
    for _ in range(rounds):
        for name, command in runs:
            results[name].append(last_json(command))
    return results


def rates_of(results):
    return {name: [r["examples_per_s"] for r in of_name] for name, of_name in results.items()}


def table_of(rates):
    best_peer = max((statistics.median(r) for n, r in rates.items() if n.startswith("PyTorch")), default=None)
    lines = ["| program | examples/s (median) | least | most | times the best PyTorch |", "|---|---:|---:|---:|---:|"]
    for name, values in rates.items():
        median = statistics.median(values)
        ratio = f"{median / best_peer:.1f}" if best_peer else "-"
        lines.append(f"| {name} | {median:,.0f} | {min(values):,.0f} | {max(values):,.0f} | {ratio} |")
    return "\n".join(lines)


def commit():
    run = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return run.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=ROOT / "build/release/upnext")
    parser.add_argument("--python", help="interpreter with torch installed; without it only upnext runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table there, as Markdown")
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    size = ["--items", "3000", "--tokens", "3000", "--steps", "2", "--negatives", "64"] if o.small else []
    ours = [str(o.upnext), "bench", "train", "--json", *size]
    bf16 = any(flag in cpu("flags") for flag in ("avx512_bf16", "amx_bf16"))
    runs = upnext(ours, bf16)
    if o.small:
        runs = [(name, [*command, "--roof-bytes", "4194304"]) for name, command in runs]
    if o.python:
        script = str(ROOT / "bench/peers/pytorch_candidate.py")
        runs += [(name, [o.python, script, *flags, *size]) for name, flags in peers(bf16)]
    results = measure(runs, o.rounds)
    rates, details = rates_of(results), {name: of_name[-1] for name, of_name in results.items()}
    table = table_of(rates)
    if o.json:
        print(json.dumps({"rates": rates, "details": details}, indent=2))
    else:
        print(table)
    if o.out:
        roof = details["upnext"]
        o.out.write_text(
            f"# Training speed compared with PyTorch\n\n{datetime.date.today()}, commit {commit()}, "
            f"{cpu('model name')} x {roof['threads']} threads, products in {roof['precision']}, Python "
            f"{platform.python_version()}. Command: `bench/train_peers.py --python PYTHON --rounds {o.rounds}`, seed 1.\n\n{table}\n\n"
            f"The last run of upnext: {roof['roof_share']:.0%} of the roof; rows {roof['step']['row_bytes'] / 1e6:.0f} MB per "
            f"step at {max(roof['machine'][k] for k in ('read_gb_s', 'rows_gb_s', 'update_gb_s')):.1f} GB/s, products "
            f"{roof['step']['operations'] / 1e9:.1f} GFLOP at {roof['machine']['matrix_gflop_s']:.0f} GFLOP/s, all measured in "
            f"that run.\n")


if __name__ == "__main__":
    main()
