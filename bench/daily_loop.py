#!/usr/bin/env python3
"""Simulated days of a site: every day its events are appended and the models trained. How often does the gate refuse?

    bench/daily_loop.py [--upnext build/release/upnext] [--days 30] [--out docs/results/daily-loop.md]

Every day trains twice: first models that learn nothing (learning rates of 0), which the gate should refuse, then the
healthy ones, which it should publish. Ends with exit code 1 if more than one healthy day is refused or a broken model
is published.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DAY = 86_400
# A folder per day names the files of the whole simulation and the span of its day.
PROJECT = """
[import]
events = '''
SELECT e.* FROM read_parquet('{{data}}/../events.parquet') e, read_csv('{{data}}/day.csv') d
WHERE epoch_ms(e.time) >= 1000 * d.first AND epoch_ms(e.time) < 1000 * d.until
'''
items = "SELECT * FROM read_parquet('{{data}}/../items.parquet')"
users = "SELECT * FROM read_parquet('{{data}}/../users.parquet')"
[retrieval]
dim = 32
depth = 1
negatives = 0
epochs = {epochs}
table_learning_rate = {table_rate}
tower_learning_rate = {rate}
[ranking]
widths = [32]
epochs = {epochs}
table_learning_rate = {table_rate}
learning_rate = {rate}
"""


class Site:
    def __init__(self, upnext, folder, users, items, days, seed):
        self.upnext, self.folder = upnext, folder
        self.data = folder / "data"
        (folder / "healthy.toml").write_text(PROJECT.format(epochs=8, table_rate=0.05, rate=1e-3))
        (folder / "broken.toml").write_text(PROJECT.format(epochs=1, table_rate=0, rate=0))
        self.run("simulate", "--users", users, "--items", items, "--days", days, "--seed", seed, "--out", self.data)
        self.first = 1_767_225_600  # of the simulator: 2026-01-01

    def run(self, *args):
        return subprocess.run([self.upnext, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def verb(self, verb, project, *args):
        return self.run(verb, "-c", self.folder / f"{project}.toml", "--project-dir", self.folder / "project", *args)

    def import_days(self, first, until, *args):
        """Imports the days [first, until) of the simulation, from 0."""
        folder = self.data / f"day{first}"
        folder.mkdir()
        (folder / "day.csv").write_text(f"first,until\n{self.first + first * DAY},{self.first + until * DAY}\n")
        done = self.verb("import", "healthy", "--data", folder, *args)
        if done.returncode != 0:
            sys.exit(f"import of days {first} to {until}: {done.stderr}")

    def train(self, project):
        """(published, report)."""
        done = self.verb("train", project, "--json")
        if not done.stdout.startswith("{"):
            sys.exit(f"train with {project}.toml: {done.stderr}")
        report = json.loads(done.stdout)
        if report["bundle"]["published"] != (done.returncode == 0):
            sys.exit(f"exit code {done.returncode} of a training: {report['bundle']}")
        return report["bundle"]["published"], report


def difference(report, stage):
    for one in report["differences"]:
        if one["stage"] == stage and one["interval"][0] is not None:
            return f"{one['next']:.4f} | {one['next'] - one['current']:+.4f} ({one['interval'][0]:+.4f} to {one['interval'][1]:+.4f})"
    return "- | -"


def page(args, rows, refused, published_broken):
    command = "bench/daily_loop.py " + " ".join(f"--{k} {getattr(args, k)}" for k in ("days", "users", "items", "seed"))
    lines = [
        "# The gate over simulated days", "",
        f"`{command}`, {datetime.date.today()}. A simulated site of {args.users} users and {args.items} items; the log "
        f"begins with {args.base} days. Every day is appended, then models are trained that learn nothing (learning rates "
        "of 0), then healthy ones. The gate compares with the current bundle on the same events: the interval is that of "
        "the paired difference over users, 95 %.", "",
        f"Healthy trainings that were refused: {refused} of {len(rows)} (goal: at most 1). Broken ones that were "
        f"published: {published_broken} of {len(rows)} (goal: 0).", "",
        "| day | NDCG@10 | less the current bundle's | user loss | less the current bundle's | healthy | broken |",
        "|---:|---:|---|---:|---|---|---|"]
    for day, healthy, broken, report in rows:
        lines.append(f"| {day} | {difference(report, 'retrieval')} | {difference(report, 'ranking')} | "
                     f"{'published' if healthy else 'refused'} | {'published' if broken else 'refused'} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default=ROOT / "build/release/upnext")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--base", type=int, default=8, help="days that are imported before the first training")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    os.environ.pop("UPNEXT_DATA", None)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        site = Site(args.upnext, pathlib.Path(folder), args.users, args.items, args.base + args.days, args.seed)
        site.import_days(0, args.base)
        if not site.train("healthy")[0]:
            sys.exit("the first bundle was not published")
        for day in range(args.base, args.base + args.days):
            site.import_days(day, day + 1, "--append")
            broken, _ = site.train("broken")
            healthy, report = site.train("healthy")
            rows.append((day + 1, healthy, broken, report))
            print(f"day {day + 1}: healthy {'published' if healthy else 'REFUSED'}, broken "
                  f"{'PUBLISHED' if broken else 'refused'}: {report['bundle']['gate']}", file=sys.stderr, flush=True)
    refused = sum(not healthy for _, healthy, _, _ in rows)
    published_broken = sum(broken for _, _, broken, _ in rows)
    text = page(args, rows, refused, published_broken)
    if args.out:
        args.out.write_text(text)
    else:
        print(text)
    return 1 if refused > 1 or published_broken else 0


if __name__ == "__main__":
    sys.exit(main())
