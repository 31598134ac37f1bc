#!/usr/bin/env python3
"""What averages, falling rates, ensembles and distillation add to the candidate model, on a public data set.

Trains the project once per variant and seed, with the lines of the variant added to its [retrieval] table, without the
final fit, and prints a Markdown table: figures of the test part, processor seconds of training and evaluation.

usage: bench/averaging.py [--upnext build/release/upnext] [--config configs/ml-1m.toml] [--seeds 1,2]
                          [--variants base,ensemble2] [--epochs 12] [--set KEY=VALUE ...] [--work DIR]
"""
import argparse, json, pathlib, re, resource, subprocess

VARIANTS = {
    "base": "",
    "average": "average_decay = 0.999\n",
    "cosine": 'rate_schedule = "cosine"\n',
    "both": 'average_decay = 0.999\nrate_schedule = "cosine"\n',
    "ensemble2": "ensemble = 2\n",
    "ensemble3": "ensemble = 3\n",
    "distilled": "ensemble = 3\ndistill = 0.5\n",
}

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--upnext", default="build/release/upnext")
a.add_argument("--config", default="configs/ml-1m.toml")
a.add_argument("--seeds", default="1,2")
a.add_argument("--variants", default="base,average,cosine,ensemble2")
a.add_argument("--epochs", type=int, default=12, help="planned, of variants whose rate falls over them")
a.add_argument("--set", action="append", default=[], help="a line for [retrieval] of every variant")
a.add_argument("--work", default="build/averaging")
o = a.parse_args()


def project(lines):
    """The project with these lines in [retrieval], in place of those of the same keys, and without the final fit."""
    text = pathlib.Path(o.config).read_text()
    head, table = re.split(r"(?m)^(?=\[retrieval\]\n)", text, maxsplit=1)
    for key in re.findall(r"(?m)^(\w+) *=", lines):
        table = re.sub(rf"(?m)^{key} *=.*\n", "", table)
    return head + table.replace("[retrieval]\n", "[retrieval]\n" + lines, 1) + "\n[train]\nfinal_fit = false\n"


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


name = pathlib.Path(o.config).stem
work = pathlib.Path(o.work)
work.mkdir(parents=True, exist_ok=True)
columns = ("hr@10", "ndcg@10", "recall@100")
print("| model | seed | " + " | ".join(columns) + " | processor s |")
print("|---|---|" + "---|" * (len(columns) + 1), flush=True)
imported = (work / name).exists()
for seed in o.seeds.split(","):
    for variant in o.variants.split(","):
        config = work / f"{name}-{variant}.toml"
        lines = "".join(line + "\n" for line in o.set) + VARIANTS[variant]
        if "rate_schedule" in lines:
            lines += f"epochs = {o.epochs}\npatience = {o.epochs}\n"
        config.write_text(project(lines))
        where = ["-c", str(config), "--project-dir", str(work / name)]
        if not imported:
            run(o.upnext, "import", *where)
            imported = True
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        report = json.loads(run(o.upnext, "train", *where, "--only", "retrieval", "--seed", seed, "--force", "--json"))
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        figures = report["retrieval"]
        print(f"| {variant} | {seed} | " + " | ".join(f"{figures[c]:.4f}" for c in columns) + f" | {seconds:.0f} |",
              flush=True)
