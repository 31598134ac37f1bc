#!/usr/bin/env python3
"""Exported networks compared with native predictions by ONNX Runtime, for every architecture and objective.

    bench/export_check.py --upnext build/release/upnext [--only mmoe ...]

Makes a tiny log, trains a model of each kind on it, exports it with `upnext export --onnx`, runs the example of the
export through ONNX Runtime and prints the largest difference to the native outputs, |a - b| / max(1, |b|). Fails above
1e-4. Needs onnxruntime: without it a virtual environment is made below --environment, from PyPI; where that is not
reachable the script says so and ends with 77, which the tests count as skipped.
"""
import argparse
import csv
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SKIPPED, MOST = 77, 1e-4
DAYS, USERS, ITEMS, SLATE, START = 8, 60, 40, 6, 1_704_067_200

PROJECT = """[import]
events = '''
SELECT "user", item, to_timestamp(CAST(time AS DOUBLE)) AS time, type, value, request, position, device
FROM read_csv('{data}/events.csv', types = {'user': 'VARCHAR', 'item': 'VARCHAR', 'request': 'VARCHAR', 'value': 'DOUBLE'})
'''
items = '''
SELECT item, duration, string_split(topics, ' ') AS topics FROM read_csv('{data}/items.csv', types = {'item': 'VARCHAR'})
'''
[split]
validation_days = 1
test_days = 1
"""
OBJECTIVES = {"watch": ("watch_seconds", 'loss = "weighted_logistic"\nscore_weight = 1'),
              "click": ("click", "score_weight = 0.5"), "dislike": ("dislike", "score_weight = -0.3"),
              "stars": ("rating", 'loss = "squared"'), "share": ("completion", ""),
              "huber": ("watch_seconds", 'loss = "huber"'),
              "by_duration": ("watch_seconds", 'loss = "quantile"\nbuckets = 4'),
              "by_level": ("watch_seconds", 'loss = "ordinal"\nbuckets = 8')}
EXPERTS = "experts = 3\nexpert_widths = [12, 8]\ntask_widths = [6]\n"
RETRIEVAL = "[retrieval]\ndim = 8\nepochs = 1\n"
# What is said of the events of a list, of which items without a duration say less.
EVENT_LISTS = "".join(f'[[feature]]\nname = "{name}"\nfrom = "history(watch or click or like, {said}, 10)"\nfor = ["retrieval"]\n'
                      for name, said in (("watches", "item"), ("types", "type"), ("shares", "share")))
# Name: [retrieval] and [ranking].
MODELS = {
    "linear": (RETRIEVAL + "depth = 0\n", 'architecture = "linear"\n'),
    "tower": (RETRIEVAL + "depth = 2\nrecent_windows = [1, 5]\n", 'architecture = "tower"\nwidths = [16, 8]\n'),
    "shared-bottom": (RETRIEVAL + "tie_items = true\n",
                      'architecture = "shared-bottom"\nwidths = [16]\ntask_widths = [8]\n'),
    "mmoe": (RETRIEVAL, 'architecture = "mmoe"\nwidths = [16]\n' + EXPERTS),
    "mmoe norm-silu": (RETRIEVAL, 'architecture = "mmoe"\nwidths = [16]\ngates_on_input = true\n'
                                  'expert_layer = "norm-silu"\n' + EXPERTS),
    "ple": (RETRIEVAL, 'architecture = "ple"\nwidths = [16]\ntask_experts = 2\nlevels = 2\n' + EXPERTS),
    "ple norm-silu": (RETRIEVAL, 'architecture = "ple"\nwidths = [16]\ntask_experts = 1\nlevels = 1\n'
                                 'expert_layer = "norm-silu"\n' + EXPERTS),
    "attention": (RETRIEVAL, 'architecture = "tower"\nwidths = [16]\ninit_scale = 1\n[ranking.attention]\n'
                             'features = ["watched_items", "liked_items"]\nwidths = [6, 4]\n'),
    "attention encoder": (RETRIEVAL + 'encoder = "attention"\nembedding_dim = 8\ndepth = 0\nheads = 2\nsequence_length = 7\n' +
                          EVENT_LISTS, 'architecture = "linear"\n'),
    "bias tower": (RETRIEVAL, '[ranking.bias]\nmethod = "tower"\nfeatures = ["position x device", "row"]\ncolumns = 2\n'),
    "bias input": (RETRIEVAL, '[ranking.bias]\nmethod = "input"\nserved_position = 3\n'),
}


def write_log(folder):
    """Items with small numbers are clicked, those with large ones are watched for long."""
    chance = random.Random(3)
    events = []
    for day in range(DAYS):
        for user in range(USERS):
            at, request = START + day * 86_400 + user * 600, f"r{day}-{user}"
            device = ["tv", "phone", ""][user % 3]
            for place, item in enumerate(chance.sample(range(ITEMS), SLATE)):
                row = [f"u{user:02}", f"i{item:02}", at + place * 9]
                rest = [request, place + 1, device]
                events.append(row + ["impression", ""] + rest)
                if chance.random() < .7 - item / ITEMS / 2:
                    events.append(row + ["click", ""] + rest)
                    events.append(row + ["watch", round(chance.random() * (20 + 3 * item), 1)] + rest)
                if chance.random() < .2:
                    events.append(row + [chance.choice(["like", "dislike"]), ""] + rest)
                if chance.random() < .2:
                    events.append(row + ["rating", chance.randint(1, 5)] + rest)
    tables = {"events": ("user item time type value request position device", events),
              "items": ("item duration topics", [[f"i{i:02}", "" if i % 9 == 0 else 20 + 3 * i, f"t{i % 3} t{i % 5}"]
                                                 for i in range(ITEMS)])}
    for name, (head, rows) in tables.items():
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([head.split(), *rows])


def run(upnext, folder, verb, *more):
    done = subprocess.run([upnext, verb, "-c", folder / "site.toml", "--data", folder, *more],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"upnext {verb} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def differences(folder):
    """By output: the largest relative difference between ONNX Runtime and the native outputs."""
    import numpy
    import onnxruntime
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {}
    for name, model in manifest["models"].items():
        session = onnxruntime.InferenceSession(folder / model["file"])
        example = json.loads((folder / model["example"]).read_text())
        inputs = {i["name"]: numpy.array(example["inputs"][i["name"]], i["type"]) for i in model["inputs"]}
        for output, values in zip(session.get_outputs(), session.run(None, inputs)):
            native = numpy.array(example["outputs"][output.name], "float32")
            if values.shape != native.shape or not values.size:
                sys.exit(f"{folder}: {output.name} has the shape {values.shape}, natively {native.shape}")
            found[f"{name} {output.name}"] = float(numpy.max(abs(values - native) / numpy.maximum(1, abs(native))))
    return found


def use_onnxruntime(environment):
    """Continues in a Python that has onnxruntime, or ends with SKIPPED."""
    if importlib.util.find_spec("onnxruntime"):
        return
    python = environment / "bin/python"
    if pathlib.Path(sys.prefix).resolve() != environment.resolve():
        installed = python.exists() and not subprocess.run([python, "-c", "import onnxruntime"],
                                                           capture_output=True).returncode
        if not installed:
            subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True)
            try:
                installed = python.exists() and not subprocess.run(
                    [python, "-m", "pip", "install", "-q", "--retries", "0", "--timeout", "20", "onnxruntime>=1.17"],
                    capture_output=True, timeout=240).returncode
            except subprocess.TimeoutExpired:
                installed = False
        if installed:
            os.execv(python, [python, *sys.argv])
    print("skipped: onnxruntime is not installed and PyPI could not give it")
    sys.exit(SKIPPED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default="build/release/upnext", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--environment", type=pathlib.Path, default=pathlib.Path("build/deps/onnxruntime"))
    o = parser.parse_args()
    use_onnxruntime(o.environment)
    failed = False
    print("| model | " + " | ".join(["score", *OBJECTIVES, "user vector"]) + " |")
    print("|---|" + "---:|" * (len(OBJECTIVES) + 2))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_log(folder)
        objectives = "".join(f'[[ranking.objective]]\nname = "{name}"\nlabel = "{label}"\n{more}\n'
                             for name, (label, more) in OBJECTIVES.items())
        for model in o.only:
            retrieval, ranking = MODELS[model]
            (folder / "site.toml").write_text(PROJECT + retrieval + "[ranking]\nepochs = 2\n" + ranking + objectives)
            if model == o.only[0]:
                run(o.upnext, folder, "import")
            run(o.upnext, folder, "train", "--force")
            run(o.upnext, folder, "export", "--onnx", folder / "onnx")
            found = differences(folder / "onnx")
            columns = ["ranker score", *(f"ranker prediction.{name}" for name in OBJECTIVES), "candidate user_vector"]
            print(f"| {model} | " + " | ".join(f"{found[column]:.1e}" for column in columns) + " |", flush=True)
            failed |= max(found.values()) > MOST
    if failed:
        sys.exit(f"a difference is above {MOST}")


if __name__ == "__main__":
    main()
