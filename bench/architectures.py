#!/usr/bin/env python3
"""Cost against quality of the ranker's architectures on a project's log (MT-05).

Imports the log and trains the project once, then its ranker once per architecture and seed, with the keys of the
architecture in [ranking] replaced, and measures what each costs: multiplications per impression, weights, milliseconds
for 500 candidates of a request. Writes OUT/NAME-architectures.json and .md: figures are means over the seeds.

usage: bench/architectures.py [--upnext build/release/upnext] [--config configs/kuairand.toml] [--data DIR] [--seeds 1]
                              [--work DIR] [--out DIR] [ARCHITECTURE ...]

An architecture is the keys of [ranking] that it sets: 'architecture = "mmoe"; widths = [128]; experts = 8'.
"""
import argparse, datetime, json, pathlib, re, shlex, statistics, subprocess, sys

ARCHITECTURES = [
    'architecture = "linear"',
    'architecture = "tower"; widths = [256, 128]',
    'architecture = "shared-bottom"; widths = [256]; task_widths = [64]',
    'architecture = "mmoe"; widths = [128]; experts = 8; expert_widths = [64]; task_widths = [32]',
    'architecture = "ple"; widths = [128]; experts = 4; task_experts = 1; expert_widths = [64]; task_widths = [32]',
]
KEYS = ("architecture", "widths", "task_widths", "experts", "task_experts", "levels", "expert_widths", "expert_layer",
        "gate_dropout", "gates_on_input")

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--upnext", default="build/release/upnext")
a.add_argument("--config", default="configs/kuairand.toml")
a.add_argument("--data", help="folder of the input files (default: UPNEXT_DATA, else as the config says)")
a.add_argument("--seeds", default="1")
a.add_argument("--work", default="build/architectures")
a.add_argument("--out", default="build/architectures")
a.add_argument("architectures", nargs="*", default=ARCHITECTURES)
o = a.parse_args()


def without(table, keys):
    return re.sub(rf"(?m)^({'|'.join(keys)})[ \t]*=.*\n", "", table)


def project(architecture):
    """The project file with this architecture, and one fit per training."""
    tables = re.split(r"(?m)^(?=\[)", pathlib.Path(o.config).read_text())
    kept = [t for t in tables if not re.match(r"\[(ranking\.match|ranking|train)\]", t)]
    tables_of = lambda name: "".join(t.split("\n", 1)[1] for t in tables if t.startswith(f"[{name}]"))
    ranking = "\n".join(k.strip() for k in architecture.split(";")) + "\n" + without(tables_of("ranking"), KEYS)
    train = "final_fit = false\n" + without(tables_of("train"), ("final_fit",))
    # Dotted tables and arrays of [ranking] must follow it.
    at = next((i for i, t in enumerate(kept) if re.match(r"\[+ranking", t)), len(kept))
    return "".join(kept[:at] + [f"[train]\n{train}\n[ranking]\n{ranking}\n"] + kept[at:])


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


name = pathlib.Path(o.config).stem
work, out = pathlib.Path(o.work), pathlib.Path(o.out)
work.mkdir(parents=True, exist_ok=True)
out.mkdir(parents=True, exist_ok=True)
config = work / f"{name}.toml"
where = ["-c", str(config), "--project-dir", str(work / name)] + (["--data", o.data] if o.data else [])
config.write_text(project(o.architectures[0]))
run(o.upnext, "import", *where)
run(o.upnext, "train", *where, "--force", "--json")

rows, machine = [], ""
for architecture in o.architectures:
    config.write_text(project(architecture))
    figures = []
    for seed in map(int, o.seeds.split(",")):
        report = json.loads(run(o.upnext, "train", *where, "--only", "ranking", "--seed", str(seed), "--force", "--json"))
        machine = report["machine"]
        figures.append({k: v[0] for k, v in report["intervals"]["ranking"]["model"]["figures"].items()})
    cost = json.loads(run(o.upnext, "bench", "rank", *where, "--json"))
    rows.append({**{k: cost[k] for k in ("architecture", "multiplications", "weights")}, "ms": cost["scores"]["p50_ms"],
                 "figures": {k: statistics.mean(f[k] for f in figures) for k in figures[0]}})
    print(json.dumps(rows[-1]), file=sys.stderr)

commit = run("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short", "HEAD").strip()
command = shlex.join(["bench/architectures.py", *sys.argv[1:]])
head = {"date": datetime.date.today().isoformat(), "commit": commit, "machine": machine, "command": command,
        "seeds": o.seeds, "rows": rows}
(out / f"{name}-architectures.json").write_text(json.dumps(head, indent=2) + "\n")
columns = list(rows[0]["figures"])
lines = [f"# {name}: cost against quality by architecture", "",
         f"{head['date']}, commit {commit}, {machine}. Means over seeds {o.seeds}; live states.", "", f"    {command}", "",
         "| architecture | multiplications | weights, with embeddings | ms for 500 candidates | " + " | ".join(columns) + " |",
         "|---|" + "---:|" * (3 + len(columns))]
for r in rows:
    lines.append(f"| {r['architecture']} | {r['multiplications']:,} | {r['weights']:,} | {r['ms']:.2f} | " +
                 " | ".join(f"{r['figures'][c]:.{2 if c.endswith('_s') else 4}f}" for c in columns) + " |")
text = "\n".join(lines) + "\n"
(out / f"{name}-architectures.md").write_text(text)
print(text)
