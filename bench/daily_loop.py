#!/usr/bin/env python3
"""Simulated days of a site: every day its events are appended and the models trained. How often does the gate refuse?

    bench/daily_loop.py [--upnext build/release/upnext] [--days 30] [--out docs/results/daily-loop.md]

The label of both stages is a `save` after each watch of 30 seconds or more. Every day trains two broken models, which
the gate should refuse: one that learns nothing (learning rates of 1e-9) and one whose labels are shuffled (before the test
part the saves are moved to impressions drawn at random; the history, the test part and the current bundle are the true
ones). Then the healthy one, which the gate should publish. Ends with exit code 1 if more than one healthy day is refused
or a broken model is published.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DAY = 86_400
# The files are those of the whole simulation; a folder per day, {data}, has the span of its day.
PROJECT = """
[import]
events = '''
WITH e AS (SELECT e.* FROM read_parquet('{simulation}/events.parquet') e, read_csv('{{data}}/day.csv') d
           WHERE epoch_ms(e.time) >= 1000 * d.first AND epoch_ms(e.time) < 1000 * d.until),
     label AS ({label})
SELECT * FROM e UNION ALL BY NAME
SELECT "user", item, time + INTERVAL 1 SECOND AS time, 'save' AS type, request, position, device, region FROM label
'''
items = "SELECT * FROM read_parquet('{simulation}/items.parquet')"
users = "SELECT * FROM read_parquet('{simulation}/users.parquet')"
[labels]
positives = {{ save = 1 }}
[history]
types = {{ watch = 1 }}
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
[[ranking.objective]]
label = "save"
score_weight = 1
"""
LABEL = "FROM e WHERE type = 'watch' AND value >= 30"
# As many as the true ones, on impressions in the order of a hash.
SHUFFLED = """
    (FROM e WHERE type = 'impression' AND time < (SELECT max(time) FROM e) - INTERVAL 1 DAY
     ORDER BY hash("user", item, time) LIMIT
     (SELECT count(*) FROM e WHERE type = 'watch' AND value >= 30 AND time < (SELECT max(time) FROM e) - INTERVAL 1 DAY))
    UNION ALL FROM e WHERE type = 'watch' AND value >= 30 AND time >= (SELECT max(time) FROM e) - INTERVAL 1 DAY"""


class Site:
    def __init__(self, upnext, folder, users, items, days, seed):
        self.upnext, self.folder = upnext, folder
        self.data = folder / "data"
        healthy = {"simulation": str(self.data).replace("'", "''"), "label": LABEL, "epochs": 8, "table_rate": 0.05,
                   "rate": 1e-3}
        (folder / "healthy.toml").write_text(PROJECT.format(**healthy))
        (folder / "shuffled.toml").write_text(PROJECT.format(**healthy | {"label": SHUFFLED}))
        (folder / "idle.toml").write_text(PROJECT.format(**healthy | {"epochs": 1, "table_rate": 1e-9, "rate": 1e-9}))
        done = self.run("simulate", "--users", users, "--items", items, "--days", days, "--seed", seed, "--out", self.data)
        if done.returncode != 0:
            sys.exit(f"simulate: {done.stderr}")
        self.first = 1_767_225_600  # of the simulator: 2026-01-01

    def run(self, *args):
        return subprocess.run([self.upnext, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def verb(self, verb, settings, *args, project="project"):
        return self.run(verb, "-c", self.folder / f"{settings}.toml", "--project-dir", self.folder / project, *args)

    def import_days(self, settings, first, until, *args, project="project"):
        """Imports the days [first, until) of the simulation, from 0."""
        folder = self.data / f"{settings}{first}"
        folder.mkdir(exist_ok=True)
        (folder / "day.csv").write_text(f"first,until\n{self.first + first * DAY},{self.first + until * DAY}\n")
        done = self.verb("import", settings, "--data", folder, *args, project=project)
        if done.returncode != 0:
            sys.exit(f"import of days {first} to {until}: {done.stderr}")

    def train(self, settings, project="project"):
        """(published, report)."""
        done = self.verb("train", settings, "--json", project=project)
        if not done.stdout.startswith("{"):
            sys.exit(f"train with {settings}.toml: {done.stderr}")
        report = json.loads(done.stdout)
        if report["bundle"]["published"] != (done.returncode == 0):
            sys.exit(f"exit code {done.returncode} of a training: {report['bundle']}")
        return report["bundle"]["published"], report

    def train_shuffled(self, until):
        """In a copy of the project, whose whole log is imported anew."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "project", copy, symlinks=True)
        self.import_days("shuffled", 0, until, project="copy")
        return self.train("shuffled", project="copy")


def difference(report, stage):
    for one in report["differences"]:
        if one["stage"] == stage and one["interval"][0] is not None:
            return f"{one['next']:.4f} | {one['next'] - one['current']:+.4f} ({one['interval'][0]:+.4f} to {one['interval'][1]:+.4f})"
    return "- | -"


BROKEN = ("idle", "shuffled")


def said(published):
    return "published" if published else "refused"


def page(args, rows):
    command = "bench/daily_loop.py " + " ".join(f"--{k} {getattr(args, k)}" for k in ("days", "users", "items", "seed"))
    lines = [
        "# The gate over simulated days", "",
        f"`{command}`, {datetime.date.today()}. A simulated site of {args.users} users and {args.items} items; the log "
        f"begins with {args.base} days. Every day is appended, then three models are trained: `idle`, which learns nothing "
        "(learning rates of 1e-9); `shuffled`, whose labels before the test part lie on impressions drawn at random; and the "
        "healthy one. The gate compares with the current bundle on the same events: the interval is that of the paired "
        "difference over users, 95 %.", "",
        f"Healthy trainings that were refused: {sum(not row['healthy'][0] for row in rows)} of {len(rows)} (goal: at most "
        "1). Broken ones that were published (goal: 0): " +
        ", ".join(f"{name} {sum(row[name][0] for row in rows)} of {len(rows)}" for name in BROKEN) + ".", "",
        "| day | NDCG@10 | less the current bundle's | user loss | less the current bundle's | healthy | idle | shuffled "
        "| its NDCG@10, its user loss less the current bundle's |",
        "|---:|---:|---|---:|---|---|---|---|---|"]
    for row in rows:
        published, report = row["healthy"]
        less = ", ".join(difference(row["shuffled"][1], stage).split(" | ")[1] for stage in ("retrieval", "ranking"))
        lines.append(f"| {row['day']} | {difference(report, 'retrieval')} | {difference(report, 'ranking')} | "
                     f"{said(published)} | {said(row['idle'][0])} | {said(row['shuffled'][0])} | {less} |")
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
        site = Site(pathlib.Path(args.upnext).resolve(), pathlib.Path(folder).resolve(), args.users, args.items,
                    args.base + args.days, args.seed)
        site.import_days("healthy", 0, args.base)
        if not site.train("healthy")[0]:
            sys.exit("the first bundle was not published")
        for day in range(args.base, args.base + args.days):
            site.import_days("healthy", day, day + 1, "--append")
            row = {"day": day + 1, "idle": site.train("idle"), "shuffled": site.train_shuffled(day + 1),
                   "healthy": site.train("healthy")}
            rows.append(row)
            print(f"day {day + 1}: " + ", ".join(f"{name} {said(row[name][0])}" for name in ("healthy", *BROKEN)) +
                  f": {row['healthy'][1]['bundle']['gate']}", file=sys.stderr, flush=True)
    text = page(args, rows)
    if args.out:
        args.out.write_text(text)
    else:
        print(text)
    refused = sum(not row["healthy"][0] for row in rows)
    return 1 if refused > 1 or any(row[name][0] for row in rows for name in BROKEN) else 0


if __name__ == "__main__":
    sys.exit(main())
