#!/usr/bin/env python3
"""upnext next to implicit, LightFM and EASE on the log of a project: time to train, NDCG@10 and recall@10.

    bench/library_peers.py -c configs/ml-1m.toml [--data DATA] [--seeds 5] [--json docs/results/library-peers.json]
    bench/library_peers.py --small                    as a test: a small simulated shop, less than two minutes

upnext imports the log, trains with the project file as it is, and writes the lists of its test cases. The peers get the
same events by the same SELECTs, cut at the same moments (peers/library_log.py). For each of them --draws settings of its
grid (peers/library_models.py) are fitted on the training part and the one with the best NDCG@10 on the validation part
is kept; then it is fitted once for each seed, in turn with upnext. All programs learn from the training part and are asked
for lists with the history of everything before the test part; BPR and LightFM, which know a user only by fitting, are fitted on
all of it. One scorer reads the lists of all programs.

Ends with exit code 1 if the two programs do not mean the same: counts of events and items, test users and targets, the
figures of popularity must be those of upnext's report, and the figures of its own lists nearly.

The peers are installed in --environment, from PyPI; where that is not reachable the script says so and ends with 77, which the
tests count as skipped. LightFM is built from source; if that fails, it is left out and the table says why.
"""
import argparse
import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import train_peers

ROOT, SKIPPED = train_peers.ROOT, 77
# A served list ranks items without events by their content where the model has room for them; the report gives them no score.
NEARLY = 0.02
PACKAGES = ["implicit>=0.7.3", "duckdb>=1.1", "numpy", "scipy", "threadpoolctl"]
# Its setup does not run by the newer interface of pip, which pip 25.3 and later insist on.
LIGHTFM = [["pip<25", "setuptools<70", "wheel", "cython", "requests", "scikit-learn"],
           ["--no-use-pep517", "--no-build-isolation", "lightfm==1.17"]]


def use_peers(environment):
    """Continues in a Python that has the peers, or ends with SKIPPED."""
    python = (environment / "bin/python").absolute()
    if pathlib.Path(sys.prefix).resolve() == environment.resolve():
        return

    def works(module):
        return python.exists() and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode

    def install(what):
        try:
            done = subprocess.run([python, "-m", "pip", "install", "-q", "--retries", "0", "--timeout", "20", *what],
                                  capture_output=True, text=True, timeout=400)
            return done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            return 1, "it took more than 400 s"

    if not works("implicit, duckdb, threadpoolctl"):
        subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True)
        if not python.exists() or install(PACKAGES)[0] != 0:
            print("skipped: implicit is not installed and PyPI could not give it")
            sys.exit(SKIPPED)
    if not works("lightfm"):
        for what in LIGHTFM:
            failed, message = install(what)
            if failed:
                print(f"LightFM is left out: it could not be built:\n{message[-1000:]}", file=sys.stderr)
    os.execv(python, [python, *sys.argv])


class Upnext:
    def __init__(self, o, folder):
        self.o, self.folder = o, folder
        self.imported = json.loads(self.run("import", "base", "--json")[0])

    def run(self, verb, project, *more):
        """What it prints, and its seconds on the wall and on processors."""
        command = [self.o.upnext, verb, "-c", self.o.config, "--data", self.o.data, "--project-dir", self.folder / project]
        used, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([*command, *more], capture_output=True, text=True)
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"upnext {verb} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout, {"wall_s": wall, "cpu_s": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime}

    def train(self, seed):
        """The report, the lists as names by name of the user, and the times of a training from an empty folder of bundles."""
        kept = self.o.keep and self.o.keep / f"{self.o.config.stem}-{seed}.json"
        if kept and kept.exists():
            return json.loads(kept.read_text())
        project = f"seed{seed}"
        subprocess.run(["cp", "-al", self.folder / "base", self.folder / project], check=True)
        report, times = self.run("train", project, "--json", "--seed", str(seed))
        out = self.folder / "lists.jsonl"
        self.run("recommend", project, "--all-users", "--at", "test", "-n", "10", "--json", "--out", out)
        slates = [json.loads(line) for line in out.read_text().splitlines()]
        lists = {slate["user"]: [item["item"] for item in slate["items"]] for slate in slates}
        subprocess.run(["rm", "-r", self.folder / project], check=True)
        found = json.loads(report), lists, times
        if kept:
            kept.write_text(json.dumps(found))
        return found


def check(log, imported, report, lists):
    """What shows that both sides have the same events, split, targets, filters and figures: {what: [upnext's, here]}."""
    import library_log
    import library_models
    served = served_figures(report)
    test = library_log.TEST
    popular = log.figures(log.best(library_models.fit_popularity(log, test, {}, 0)(log.cases(test)), test), test)
    ours = log.figures(lists, test)
    pairs = {"events": [imported["log_events"], len(log.user)], "items": [imported["items"], len(log.items)],
             "test users": [report["users"]["retrieval"], len(log.targets[test])],
             "targets": [report["targets"]["all"], sum(map(len, log.targets[test].values()))],
             "targets that feeds hide": [report["targets"]["removed"] + report["targets"]["seen"], log.hidden_targets(test)],
             "NDCG@10 of popularity": [report["retrieval"]["baselines"]["popularity"]["ndcg@10"], float(popular["ndcg@10"].mean())],
             "NDCG@10 of upnext's lists": [served["ndcg@10"][0], float(ours["ndcg@10"].mean())],
             "recall@10 of upnext's lists": [served["recall@10"][0], float(ours["recall@10"].mean())]}
    for what, (theirs, here) in pairs.items():
        print(f"  {what}: {theirs:.12g} in upnext's report, {here:.12g} here", file=sys.stderr)
        if not math.isclose(theirs, here, rel_tol=1e-9, abs_tol=NEARLY if "lists" in what else 0):
            sys.exit(f"{what}: upnext's report has {theirs}, the peers are given {here}")
    return pairs


def served_figures(report):
    """{figure: [mean, low, high]} of the lists as they are served."""
    rows = report["intervals"]["retrieval"]
    return next(rows[name] for name in ("ranked_feed", "served", "model") if name in rows)["figures"]


def timed(action):
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    return result, {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def lists_of(log, peer, part, setting, seed):
    """The lists of a peer's model, and the time to fit it."""
    users = log.cases(part)
    scores, times = timed(lambda: peer.fit(log, part, setting, seed))
    found = scores(users)
    unknown = log.matrix(part, setting.get("input") or "positives")[users].getnnz(axis=1) == 0
    if unknown.any():  # a model of users says nothing of those without events: what is popular
        import library_models
        found[unknown] = library_models.fit_popularity(log, part, {}, 0)(users[unknown])
    return log.best(found, part), times


def tune(log, peer, draws):
    """The best of `draws` settings on the validation part, and what all of them cost."""
    import library_log
    grid = peer.grid
    if set(log.weights.values()) == {1} and log.positive.all():  # both inputs are the same
        grid = [setting for setting in grid if setting.get("input") != "history"]
    tried = []
    for setting in random.Random(1).sample(grid, min(draws, len(grid))):
        lists, times = lists_of(log, peer, library_log.VALIDATION, setting, 1)
        found = float(log.figures(lists, library_log.VALIDATION)["ndcg@10"].mean())
        tried.append({"setting": setting, "ndcg@10": found, **times})
        print(f"  {peer.name} {setting}: {found:.4f}, {times['wall_s']:.1f} s", file=sys.stderr, flush=True)
    best = max(tried, key=lambda one: one["ndcg@10"])
    return {"chosen": best["setting"], "tried": tried, "cpu_s": sum(one["cpu_s"] for one in tried)}


def measured(log, lists, times):
    import library_log
    return log.figures(lists, library_log.TEST) | times | {"found": log.found_of(lists, library_log.TEST)}


def spread(values):
    """Mean and standard error over seeds."""
    mean = statistics.fmean(values)
    return mean, statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def row_of(log, name, runs, reference, tuning):
    """`runs`: figures by user and times, one for each seed; `reference`: upnext's NDCG@10 by user, mean over seeds."""
    row = {"name": name, "seeds": len(runs)}
    for figure in ("ndcg@10", "recall@10"):
        row[figure], row[f"{figure} error of seeds"] = spread([float(run[figure].mean()) for run in runs])
    mine = sum(run["ndcg@10"] for run in runs) / len(runs)
    if reference is not None:
        less = mine - reference
        row["less upnext"] = [float(less.mean()), 1.96 * float(less.std(ddof=1)) / math.sqrt(len(less))]
    row["half interval of users"] = 1.96 * float(mine.std(ddof=1)) / math.sqrt(len(mine))
    row |= {key: statistics.median(run[key] for run in runs) for key in ("wall_s", "cpu_s")}
    row["found"] = {group: [size, statistics.fmean(run["found"][group][1] for run in runs)]
                    for group, (size, _) in runs[0]["found"].items()}
    return row | ({"tuning": tuning} if tuning else {})


def table(rows):
    lines = ["| program | NDCG@10 | recall@10 | NDCG@10 less upnext's | train, s | CPU s | settings tried | CPU s for all of them |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        cells = [f"{row[figure]:.4f} ± {row[f'{figure} error of seeds']:.4f}" if row["seeds"] > 1 else f"{row[figure]:.4f}"
                 for figure in ("ndcg@10", "recall@10")]
        cells.append("{:+.4f} ± {:.4f}".format(*row["less upnext"]) if "less upnext" in row else "")
        cells += [f"{row['wall_s']:.1f}", f"{row['cpu_s']:.1f}"]
        tried = row.get("tuning")
        cells += [str(len(tried["tried"])), f"{tried['cpu_s']:,.0f}"] if tried else ["", ""]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table_of_found(rows):
    """Who finds what: the share of the targets among the first ten, by what the user had done with them before."""
    groups = rows[0]["found"]
    if len(groups) == 1:
        return ""
    lines = ["", "| in the first ten, of targets whose user | " + " | ".join(groups) + " |", "|---|" + "---:|" * len(groups),
             "| targets | " + " | ".join(f"{size:,}" for size, _ in groups.values()) + " |"]
    lines += [f"| {row['name']} | " + " | ".join(f"{share:.3f}" for _, share in row["found"].values()) + " |" for row in rows]
    return "\n".join(lines)


def compare(o, folder):
    import library_log
    import library_models
    upnext, peers = Upnext(o, folder), [peer for peer in library_models.PEERS if o.only in peer.name]
    runs, tuning, missing, log = {"upnext": []}, {}, {}, None
    for seed in range(1, o.seeds + 1):
        report, lists, times = upnext.train(seed)
        if log is None:
            log = library_log.Log(o.config, o.data, report["split"])
        lists = {log.users[user]: [log.items[item] for item in items] for user, items in lists.items()}
        checks = check(log, upnext.imported, report, lists)
        runs["upnext"].append(measured(log, lists, times))
        for peer in peers:
            if peer.missing():
                missing[peer.name] = f"{', '.join(peer.missing())} could not be installed"
                continue
            if peer.name not in tuning:
                tuning[peer.name] = o.tuned.get(peer.name) or tune(log, peer, o.draws)
                o.save({"rows": [{"name": name, "tuning": found} for name, found in tuning.items()]})
            lists, times = lists_of(log, peer, library_log.TEST, tuning[peer.name]["chosen"], seed)
            runs.setdefault(peer.name, []).append(measured(log, lists, times))
            print(f"  {peer.name}, seed {seed}: {runs[peer.name][-1]['ndcg@10'].mean():.4f}", file=sys.stderr, flush=True)
        o.save(summary(o, log, report, checks, missing, runs, tuning))
    return summary(o, log, report, checks, missing, runs, tuning)


def summary(o, log, report, checks, missing, runs, tuning):
    reference = sum(run["ndcg@10"] for run in runs["upnext"]) / len(runs["upnext"])
    rows = [row_of(log, name, of_name, None if name == "upnext" else reference, tuning.get(name))
            for name, of_name in runs.items()]
    baselines = {name: figures["ndcg@10"] for name, figures in report["retrieval"]["baselines"].items()}
    libraries = ["implicit", "numpy", "scipy"] + ["lightfm"] * (not any("LightFM" in name for name in missing))
    versions = {name: importlib.metadata.version(name) for name in libraries}
    return {"config": str(o.config.name), "date": str(datetime.date.today()), "commit": train_peers.commit(),
            "machine": f"{train_peers.cpu('model name')}, {os.cpu_count()} processors", "python": platform.python_version(),
            "versions": versions, "split": report["split"], "order": report.get("order", {}).get("chosen", ""),
            "checks": checks, "missing": missing, "baselines of upnext's report, NDCG@10": baselines, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=ROOT / "build/release/upnext", type=pathlib.Path)
    parser.add_argument("-c", "--config", type=pathlib.Path, help="the project file")
    parser.add_argument("--data", default=os.environ.get("UPNEXT_DATA", "."), help="folder of its data")
    parser.add_argument("--environment", type=pathlib.Path, default=ROOT / "build/library-peers")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=8, help="settings that each peer may try")
    parser.add_argument("--only", default="", help="peers whose names contain this")
    parser.add_argument("--keep-tuning", action="store_true", help="use the settings that the file of --json has, also of a run that was stopped")
    parser.add_argument("--keep", type=pathlib.Path, help="folder of upnext's trainings, which are made once for each seed")
    parser.add_argument("--json", type=pathlib.Path, help="file whose entry of this project file is replaced")
    parser.add_argument("--small", action="store_true")
    o = parser.parse_args()
    if not o.small and not o.config:
        parser.error("expected -c FILE or --small")
    use_peers(o.environment)
    sys.path.insert(0, str(ROOT / "bench/peers"))
    known = json.loads(o.json.read_text()) if o.json and o.json.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if o.small:
            o.config, o.data, o.seeds, o.draws = ROOT / "configs/shop.toml", folder / "data", 1, 2
            subprocess.run([o.upnext, "simulate", "--site", "shop", "-o", o.data, "--users", "400", "--items", "200",
                            "--days", "30"], check=True, capture_output=True)
        before = known.get(o.config.stem, {}).get("rows", []) if o.keep_tuning else []
        o.tuned = {row["name"]: row["tuning"] for row in before if "tuning" in row}
        o.save = lambda found: o.json and o.json.write_text(json.dumps(known | {o.config.stem: found}, indent=1) + "\n")
        found = compare(o, folder)
    print(table(found["rows"]))
    print(table_of_found(found["rows"]))
    for peer, why in found["missing"].items():
        print(f"\n{peer}: left out, {why}")


if __name__ == "__main__":
    main()
