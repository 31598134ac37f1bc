#!/usr/bin/env python3
"""The Python package next to the command line: from the wheel to the first feed, import of a data frame, feeds of all users.

    bench/python_numbers.py --wheel dist/upnext-*.whl [--events 10000000] [--users 20000] [--rounds 5] [--out FILE.json]

Makes a virtual environment with the wheel, numpy, pandas, polars and pyarrow. What is compared alternates, round by round:
- install: a fresh environment, the demo's site simulated, imported, trained, and the first feed (once; time of each step);
Wall and processor time; on a busy machine the second compares better.
- import: --events events as a Parquet file by `upnext import`, and as a data frame of pandas and of Polars by `import_events`;
- feeds: the feeds of --users users as lines of a file by `upnext recommend --all-users`, and by `recommend(all_users=True)` and `write`,
  both as whole processes, and the call alone in a process that has the project open.
With --only one of them.
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

FIRST_FEED = """
import sys, time, upnext
def lap(name, at=[time.perf_counter(), time.process_time()]):
    now = time.perf_counter(), time.process_time(); print(name, now[0] - at[0], now[1] - at[1]); at[:] = now
root = sys.argv[1]
upnext.Simulator(world=root + "/configs/demo-world.toml").write("data", progress=False); lap("simulate")
project = upnext.Project(root + "/configs/demo.toml", data="data", directory="project"); project.import_events(progress=False); lap("import")
project.train(progress=False); lap("train")
assert len(project.recommend("u00042", n=10)) == 10; lap("first feed")
"""

EVENTS = """
import sys, numpy, pyarrow, pyarrow.parquet
rows, draw = int(sys.argv[1]), numpy.random.default_rng(1)
def names(letter, n, skew):
    return pyarrow.DictionaryArray.from_arrays((n * draw.random(rows) ** skew).astype("int32"), [f"{letter}{i:07}" for i in range(n)]).cast("string")
table = pyarrow.table({"user": names("u", max(1, rows // 50), 1), "item": names("v", max(1, rows // 200), 3),
                       "time": 1_767_225_600 + draw.integers(0, 60 * 86_400, rows), "type": pyarrow.repeat("watch", rows),
                       "value": draw.integers(1, 600, rows).astype("float64")})
pyarrow.parquet.write_table(table, "events.parquet")
"""

IMPORT_FRAME = """
import sys, time, upnext
kind = sys.argv[1]
if kind == "pandas":
    import pandas; events = pandas.read_parquet("events.parquet")
elif kind == "polars":
    import polars; events = polars.read_parquet("events.parquet")
else:
    events = "events.parquet"
project = upnext.Project(name="events", directory="by-python")
began, cpu = time.perf_counter(), time.process_time()
project.import_events(events, progress=False)
print(time.perf_counter() - began, time.process_time() - cpu)
"""

FEEDS = """
import sys, time, upnext
project = upnext.Project("site.toml", directory="site")
def feeds():
    began, cpu = time.perf_counter(), time.process_time()
    made = project.recommend(all_users=True, n=20, progress=False)
    print(time.perf_counter() - began, time.process_time() - cpu)
    return made
feeds().write("by-python.tsv")
if len(sys.argv) > 1:
    feeds()
"""

SITE = """
[project]
data = "site-data"
[import]
events = '''SELECT "user", item, time, type, value, query, request, position, device, region FROM read_parquet('{data}/events*.parquet')'''
items = '''SELECT item, created, duration, channel, topics, language, title FROM read_parquet('{data}/items.parquet')'''
[split]
kind = "time"
validation_days = 1
test_days = 1
[retrieval]
epochs = 2
dim = 32
[ranking]
epochs = 1
"""


class Bench:
    def __init__(self, folder, wheel):
        self.folder, self.wheel = folder, wheel
        self.environment = {**os.environ, "PATH": f"{folder}/venv/bin:/usr/bin:/bin"}

    def run(self, *command):
        """((wall seconds, processor seconds), what it printed)"""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([str(word) for word in command], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        took = wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if done.returncode:
            raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
        return took, done.stdout

    def python(self, code, *args):
        return self.run(self.folder / "venv/bin/python", "-c", code, *args)

    def install(self):
        """{step: (wall seconds, processor seconds)}"""
        steps = {"environment": self.run(sys.executable, "-m", "venv", "venv")[0],
                 "pip install": self.run("venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", self.wheel)[0]}
        took, said = self.python(FIRST_FEED, ROOT)
        steps.update({line.rsplit(" ", 2)[0]: pair(" ".join(line.rsplit(" ", 2)[1:])) for line in said.splitlines()})
        steps["all"] = tuple(sum(parts) for parts in zip(steps["environment"], steps["pip install"], took))
        return steps

    def environment_alone(self):
        self.run(sys.executable, "-m", "venv", "venv")
        self.run("venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", self.wheel)

    def imports(self, events, rounds):
        self.run("venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "pandas", "polars", "pyarrow")
        self.python(EVENTS, events)
        (self.folder / "events.toml").write_text("[import]\nevents = '''SELECT * FROM read_parquet('{data}/events.parquet')'''\n")
        times = {}
        for _ in range(rounds):
            took = self.run("upnext", "import", "-c", "events.toml", "--project-dir", "by-command")[0]
            times.setdefault("command line, Parquet", []).append(took)
            for kind in ("pandas", "polars", "Parquet"):
                times.setdefault(f"Python, {kind}", []).append(pair(self.python(IMPORT_FRAME, kind)[1]))
        return times

    def feeds(self, users, rounds):
        self.run("upnext", "simulate", "-o", "site-data", "--users", users, "--items", max(300, users // 4), "--days", "8")
        (self.folder / "site.toml").write_text(SITE)
        for verb in ("import", "train"):
            self.run("upnext", verb, "-c", "site.toml", "--project-dir", "site")
        times = {}
        for _ in range(rounds):
            times.setdefault("command line", []).append(self.run(
                "upnext", "recommend", "-c", "site.toml", "--project-dir", "site", "--all-users", "-n", "20", "--out", "by-command.tsv")[0])
            times.setdefault("Python, process", []).append(self.python(FEEDS)[0])
            first, again = self.python(FEEDS, "again")[1].splitlines()
            times.setdefault("Python, first call", []).append(pair(first))
            times.setdefault("Python, next call", []).append(pair(again))
        same = (self.folder / "by-command.tsv").read_bytes() == (self.folder / "by-python.tsv").read_bytes()
        return times, same


def pair(line):
    wall, cpu = map(float, line.split())
    return wall, cpu


def summary(times, base):
    """For wall and processor time: median, least, most, and the ratio of the medians to that of the base."""
    def of(kind, name):
        values = [took[kind] for took in times[name]]
        middle = statistics.median(values)
        return {"median_s": round(middle, 3), "least_s": round(min(values), 3), "most_s": round(max(values), 3),
                "ratio": round(middle / statistics.median(took[kind] for took in times[base]), 3)}
    return {name: {"wall": of(0, name), "processor": of(1, name)} for name in times}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=pathlib.Path, required=True)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--only", choices=["install", "import", "feeds"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(pathlib.Path(folder), given.wheel.resolve())
        report = {"commit": subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True).stdout.strip(),
                  "python": platform.python_version(), "cores": os.cpu_count(), "events": given.events, "users": given.users,
                  "rounds": given.rounds}
        if given.only in (None, "install"):
            report["install"] = {name: {"wall_s": round(wall, 2), "processor_s": round(cpu, 2)}
                                 for name, (wall, cpu) in bench.install().items()}
        else:
            bench.environment_alone()
        if given.only in (None, "import"):
            report["import"] = summary(bench.imports(given.events, given.rounds), "command line, Parquet")
        if given.only in (None, "feeds"):
            times, report["feeds_are_the_same"] = bench.feeds(given.users, given.rounds)
            report["feeds"] = summary(times, "command line")
    text = json.dumps(report, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
