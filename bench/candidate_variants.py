#!/usr/bin/env python3
"""What a setting of the candidate model is worth on a public data set: averages, ensembles, losses, poolings.

Trains the project once per variant and seed, with the lines of the variant in its [retrieval] table, without the final
fit, and prints a Markdown table: figures of the test part, processor seconds of training and evaluation. With several
seeds a second table has the means and the half of their 95 % intervals (Student's t over the seeds).

usage: bench/candidate_variants.py [--upnext build/release/upnext] [--config configs/ml-1m.toml] [--seeds 1,2]
           [--variants base,ensemble2] [--epochs 12] [--set "KEY = VALUE" ...] [--threads N] [--work DIR]
"""
import argparse, json, pathlib, re, resource, statistics, subprocess

SAMPLED = "negatives = 512\n"
PAPER = 'dim = 128\ndepth = 2\nrecent_windows = []\ndropout = 0.1\n'
VARIANTS = {
    "base": "",
    "average": "average_decay = 0.999\n",
    "cosine": 'rate_schedule = "cosine"\n',
    "both": 'average_decay = 0.999\nrate_schedule = "cosine"\n',
    "ensemble2": "ensemble = 2\n",
    "ensemble3": "ensemble = 3\n",
    "both-ensemble3": 'average_decay = 0.999\nrate_schedule = "cosine"\nensemble = 3\n',
    "distilled": "ensemble = 3\ndistill = 0.5\n",
    "dropout0": "dropout = 0\n",
    "full": "negatives = 0\n",
    "sampled": SAMPLED,
    "refined": SAMPLED + 'loss = "refined"\n',
    "gbce": SAMPLED + 'loss = "gbce"\n',
    "in-batch": "negatives = 0\nin_batch = true\n",
    "in-batch-sampled": SAMPLED + "in_batch = true\n",
    "no-logq": SAMPLED + "logq = 0\n",
    "paper-mean": PAPER,
    "paper-sum": PAPER + 'pooling = "sum"\n',
    "paper-max": PAPER + 'pooling = "max"\n',
    "paper-attention": PAPER + 'pooling = "attention"\n',
}
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # by the number of seeds

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--upnext", default="build/release/upnext")
a.add_argument("--config", default="configs/ml-1m.toml")
a.add_argument("--seeds", default="1,2")
a.add_argument("--variants", default="base,average,cosine,ensemble2")
a.add_argument("--epochs", type=int, default=12, help="planned, of variants whose rate falls over them")
a.add_argument("--set", action="append", default=[], help="a line for [retrieval] of every variant")
a.add_argument("--threads", type=int, default=0, help="of a training; 0: all")
a.add_argument("--work", default="build/variants")
o = a.parse_args()


def project(lines):
    """The project with these lines in [retrieval], in place of those of the same keys, and without the final fit."""
    text = pathlib.Path(o.config).read_text()
    head, table = re.split(r"(?m)^(?=\[retrieval\]\n)", text, maxsplit=1)
    for key in re.findall(r"(?m)^(\w+) *=", lines):
        table = re.sub(rf"(?m)^{key} *=.*\n", "", table)
    train = f"\n[train]\nfinal_fit = false\nthreads = {o.threads}\n"
    return head + table.replace("[retrieval]\n", "[retrieval]\n" + lines, 1) + train


def lines_of(variant):
    """The last line of a key counts."""
    keys = {}
    for line in o.set + VARIANTS[variant].splitlines():
        keys[line.split("=")[0].strip()] = line
    if "rate_schedule" in keys:
        keys |= {"epochs": f"epochs = {o.epochs}", "patience": f"patience = {o.epochs}"}
    return "".join(line + "\n" for line in keys.values())


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


name = pathlib.Path(o.config).stem
work = pathlib.Path(o.work)
work.mkdir(parents=True, exist_ok=True)
columns = ("hr@10", "ndcg@10", "recall@100")
print("| variant | seed | " + " | ".join(columns) + " | processor s |")
print("|---|---|" + "---|" * (len(columns) + 1), flush=True)
imported = (work / name).exists()
found = {}
for seed in o.seeds.split(","):
    for variant in o.variants.split(","):
        config = work / f"{name}-{variant}.toml"
        config.write_text(project(lines_of(variant)))
        where = ["-c", str(config), "--project-dir", str(work / name)]
        if not imported:
            run(o.upnext, "import", *where)
            imported = True
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        report = json.loads(run(o.upnext, "train", *where, "--only", "retrieval", "--seed", seed, "--force", "--json"))
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        figures = report["retrieval"]
        (work / f"{name}-{variant}-{seed}.json").write_text(json.dumps(report, indent=1))
        found.setdefault(variant, []).append([figures[c] for c in columns] + [seconds])
        print(f"| {variant} | {seed} | " + " | ".join(f"{figures[c]:.4f}" for c in columns) + f" | {seconds:.0f} |",
              flush=True)

if "," in o.seeds:
    print("\n| variant | seeds | " + " | ".join(columns) + " | processor s |\n|---|---|" + "---|" * (len(columns) + 1))
    for variant, rows in found.items():
        n = len(rows)
        means = [statistics.mean(row[c] for row in rows) for c in range(len(columns) + 1)]
        half = [T95.get(n, 2) * statistics.stdev(row[c] for row in rows) / n**0.5 for c in range(len(columns))]
        cells = [f"{m:.4f} ± {h:.4f}" for m, h in zip(means, half)]
        print(f"| {variant} | {n} | " + " | ".join(cells) + f" | {means[-1]:.0f} |")
