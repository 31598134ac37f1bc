#!/usr/bin/env python3
"""One request of 500 candidates on one thread: upnext with feature extraction compared with ONNX Runtime without.

    python3 -m venv ../peers && ../peers/bin/pip install onnxruntime numpy       once, outside the repository
    ../peers/bin/python bench/ranking_peers.py -c PROJECT.toml [--upnext build/release/upnext] [--rounds 5]

The project has a trained bundle. Each round measures `upnext bench rank` (extraction, scoring, score) and the network
of `upnext export --onnx` in ONNX Runtime, whose inputs are made from the examples of the export and given ready: one
query, its impressions repeated. The table has the median over the rounds of p50 and p99 and the ratio to upnext.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime


def request(model, folder, candidates):
    """Inputs of one query and this number of impressions."""
    example = json.loads((folder / model["example"]).read_text())["inputs"]
    inputs = {}
    for tensor in model["inputs"]:
        values = numpy.array(example[tensor["name"]], tensor["type"])
        if tensor["name"] == "query_of":
            inputs["query_of"] = numpy.zeros(candidates, "int64")
        elif tensor["shape"][0] == "queries":
            inputs[tensor["name"]] = values[-1:]
        else:
            inputs[tensor["name"]] = values[numpy.arange(candidates) % len(values)]
    return inputs


def runtime_ms(session, inputs, requests):
    times = []
    for _ in range(requests + 10):
        begin = time.perf_counter()
        session.run(["score"], inputs)
        times.append(1000 * (time.perf_counter() - begin))
    times = sorted(times[10:])
    return times[len(times) // 2], times[int(.99 * (len(times) - 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--upnext", default="build/release/upnext")
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    o = parser.parse_args()
    found = {}

    def note(name, p50, p99):
        found.setdefault(name, []).append((p50, p99))

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([o.upnext, "export", "-c", o.config, "--onnx", folder], check=True, capture_output=True)
        model = json.loads((folder / "manifest.json").read_text())["models"]["ranker"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / model["file"], options)
        inputs = request(model, folder, o.candidates)
        for _ in range(o.rounds):
            native = json.loads(subprocess.run(
                [o.upnext, "bench", "rank", "-c", o.config, "--json", "--candidates", str(o.candidates), "--requests",
                 str(o.requests)], check=True, capture_output=True, text=True).stdout)
            for part, label in ("all", "upnext, features and scores"), ("scores", "upnext, scores alone"):
                note(label, native[part]["p50_ms"], native[part]["p99_ms"])
            note(f"ONNX Runtime {onnxruntime.__version__}, features given", *runtime_ms(session, inputs, o.requests))
    print(f"{o.candidates} candidates, {model['multiplications']:,} multiplications each, one thread, {o.rounds} rounds"
          f" of {o.requests} requests\n")
    print("| | p50 ms | p99 ms | p50, ratio |\n|---|---:|---:|---:|")
    base = None
    for label, rounds in found.items():
        p50, p99 = (statistics.median(column) for column in zip(*rounds))
        base = base or p50
        print(f"| {label} | {p50:.3f} | {p99:.3f} | {p50 / base:.2f} |")


if __name__ == "__main__":
    main()
