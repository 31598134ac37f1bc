#!/usr/bin/env python3
"""The candidate model of the paper at several depths, compared with the count baselines (as in figure 6; EV-02, CG-10).

Trains `configs/ml-1m.toml` (or another project) once per depth with its [retrieval] table replaced by the paper's
form: mean pooling, separate item table, no recency windows. Writes DIR/NAME-depth.json and a Markdown table.

usage: bench/depth_table.py [--upnext build/release/upnext] [--config configs/ml-1m.toml] [--depths 0,1,2,3]
                            [--seeds 1] [--dim 64] [--epochs 20] [--work DIR] [--out docs/results]
"""
import argparse, datetime, json, os, pathlib, platform, re, subprocess, sys, time

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--upnext", default="build/release/upnext")
a.add_argument("--config", default="configs/ml-1m.toml")
a.add_argument("--depths", default="0,1,2,3")
a.add_argument("--seeds", default="1")
a.add_argument("--dim", type=int, default=64)
a.add_argument("--epochs", type=int, default=20)
a.add_argument("--work", default="build/depth")
a.add_argument("--out", default="docs/results")
o = a.parse_args()

PAPER = """[retrieval]
dim = {dim}
depth = {depth}
negatives = 0
epochs = {epochs}
patience = 3
max_per_user = 50
batch = 512
table_learning_rate = 0.1
dropout = 0.1

[retrieval.index]
kind = "exact"
"""


def project(depth):
    text = pathlib.Path(o.config).read_text()
    # Removes every table whose name starts with retrieval; the rest of the project is unchanged.
    parts = re.split(r"(?m)^(?=\[)", text)
    kept = [p for p in parts if not re.match(r"\[retrieval[\].]", p)]
    return "".join(kept) + "\n" + PAPER.format(dim=o.dim, depth=depth, epochs=o.epochs)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


name = pathlib.Path(o.config).stem
work = pathlib.Path(o.work)
work.mkdir(parents=True, exist_ok=True)
directory = str(work / name)
rows, baselines, machine = [], None, ""
for depth in map(int, o.depths.split(",")):
    for seed in map(int, o.seeds.split(",")):
        config = work / f"{name}-depth{depth}.toml"
        config.write_text(project(depth))
        where = ["-c", str(config), "--project-dir", directory]
        if baselines is None:
            run(o.upnext, "import", *where)
        began = time.time()
        report = json.loads(run(o.upnext, "train", *where, "--seed", str(seed), "--force", "--json"))
        machine, baselines = report["machine"], report["retrieval"]["baselines"]
        rows.append({"depth": depth, "seed": seed, "train_and_evaluate_s": round(time.time() - began, 1),
                     **{k: report["retrieval"][k] for k in ("hr@10", "ndcg@10", "recall@100", "map")}})
        print(rows[-1], file=sys.stderr)

commit = run("git", "rev-parse", "--short", "HEAD").strip()
command = "bench/depth_table.py " + " ".join(sys.argv[1:])
out = pathlib.Path(o.out)
out.mkdir(parents=True, exist_ok=True)
head = {"date": datetime.date.today().isoformat(), "commit": commit, "machine": machine, "command": command,
        "config": PAPER.format(dim=o.dim, depth="D", epochs=o.epochs), "rows": rows, "baselines": baselines}
(out / f"{name}-depth.json").write_text(json.dumps(head, indent=2) + "\n")
columns = ("hr@10", "ndcg@10", "recall@100", "map")
lines = [f"# {name}: the paper's candidate model by depth", "",
         f"{head['date']}, commit {commit}, {machine}.", "", f"    {command.strip()}", "",
         "| model | seed | " + " | ".join(columns) + " | train and evaluate, s |",
         "|---|---|" + "---|" * (len(columns) + 1)]
for r in rows:
    lines.append(f"| depth {r['depth']} | {r['seed']} | " + " | ".join(f"{r[c]:.4f}" for c in columns) +
                 f" | {r['train_and_evaluate_s']} |")
for b, figures in baselines.items():
    lines.append(f"| {b} | | " + " | ".join(f"{figures[c]:.4f}" if c in figures else "" for c in columns) + " | |")
lines += ["", "[retrieval] table of every run (D is the depth):", "", "```toml", head["config"].strip(), "```", ""]
(out / f"{name}-depth.md").write_text("\n".join(lines))
