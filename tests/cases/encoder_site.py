"""A small site with a user encoder of others, and what it should serve."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import urllib.request

import case
import tiny_onnx
from case import python_with, require, run_cases

LIBRARY = "UPNEXT_ONNXRUNTIME"
GENERATOR = "candidate-model"
ITEMS, USERS, DAYS, START = 20, 40, 6, 1_704_067_200
# By column: what it adds to the two numbers of a user's vector. Nobody has an age, so the last adds its constant.
COLUMNS = ["query.last_item", "query.clicks", {"column": "query.age", "missing": 1}]
WEIGHTS, BIAS = [[.125, 0], [0, .5], [1, 2]], [2, 1]
PROJECT = """
[import]
events = '''
SELECT "user", item, to_timestamp(CAST(time AS DOUBLE)) AS time, type, value, request, position
FROM read_csv('{data}/events.csv', types = {'user': 'VARCHAR', 'item': 'VARCHAR', 'request': 'VARCHAR'}) WHERE type IN TYPES
'''
items = '''
SELECT item, 100 AS duration FROM read_csv('{data}/items.csv', types = {'item': 'VARCHAR'})
'''
[split]
validation_days = 1
test_days = 1
[serving]
budget_ms = 0
filter_seen = false
[scenario.mixed]
diversity = 0.5
[generators.trending]
every = 2
[server]
stop_delay = 0
[[feature]]
name = "last_item"
from = "last(interest, item)"
for = ["retrieval"]
[[feature]]
name = "clicks"
from = "count(click)"
for = ["retrieval"]
[ranking]
epochs = 1
widths = [8]
RANKING
[retrieval]
dim = 8
epochs = 1
order = "model"
RETRIEVAL
"""
EVENTS, WITH_IMPRESSIONS = "('click', 'watch')", "('impression', 'click', 'watch')"


def npy(rows):
    """The bytes of numpy.save for rows of float32."""
    head = str({"descr": "<f4", "fortran_order": False, "shape": (len(rows), len(rows[0]))})
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
            + b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows))


def item_vector(row):
    """Such that every product with a user's vector is below 0, and the order depends on the user."""
    return [-.25 - row * 7 % 19 / 8 - row / 500, -.25 - row * 5 % 17 / 8] if row else [0, 0]


def product(user, item):
    return sum(a * b for a, b in zip(user, item))


class Server(case.Server):
    def post_json(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


class Site(case.Site):
    """Each user clicks and watches three items on each day; `late` is only watched on the last one."""

    def __init__(self, upnext, folder, programs, types=EVENTS):
        super().__init__(upnext, folder)
        self.programs = programs
        rows = []
        for day in range(DAYS):
            for user in range(USERS):
                at, request = START + day * 86_400 + user * 600, f"r{day}-{user}"
                for place in range(3):
                    item = f"i{(user * 7 + day * 3 + place * 5) % ITEMS:02}"
                    if day == DAYS - 1 and place == 2 and user % 2:
                        item = "late"
                    rows.append([f"u{user:02}", item, at + place * 90, "impression", "", request, place + 1])
                    if (user + day + place) % 3:
                        rows.append([f"u{user:02}", item, at + place * 90 + 5, "click", "", request, place + 1])
                        rows.append([f"u{user:02}", item, at + place * 90 + 65, "watch", 100, request, place + 1])
        self.events, self.names = sorted(rows, key=lambda row: row[2]), [f"i{item:02}" for item in range(ITEMS)] + ["late"]
        self.write_tables()
        self.write_project(types)
        self.run("import")
        self.run("export", "--examples", folder / "examples.parquet", "--stage", "retrieval")
        self.examples = self.read_examples(folder / "examples.parquet")
        self.items = {row["label"]: row["item"] for row in self.examples}
        self.vectors = {name: item_vector(row) for row, name in self.items.items()}
        require(set(self.items) == set(range(1, len(self.items) + 1)), self.items)
        require("late" not in self.vectors and len(self.vectors) == ITEMS, self.vectors)
        self.manifest = {"features": "examples.features.uxs", "items": "items.npy", "inputs": [{"columns": COLUMNS, "missing": 0}]}
        self.give(tiny_onnx.linear(WEIGHTS, BIAS))

    def write_tables(self):
        self.write("events.csv", ["user", "item", "time", "type", "value", "request", "position"], self.events)
        self.write("items.csv", ["item"], [[name] for name in self.names])

    def write_project(self, types=EVENTS, retrieval='onnx = "encoder.onnx"', ranking="", more=""):
        text = PROJECT.replace("TYPES", types).replace("RETRIEVAL", retrieval).replace("RANKING", ranking)
        (self.folder / "site.toml").write_text(text + more)

    def give(self, network, vectors=None, **changes):
        (self.folder / "encoder.onnx").write_bytes(network)
        vectors = vectors or [item_vector(row) for row in range(len(self.items) + 1)]
        (self.folder / "items.npy").write_bytes(npy(vectors))
        (self.folder / "encoder.json").write_text(json.dumps(self.manifest | changes))

    def run(self, verb, *args, code=0):
        done = self.finish(verb, *args, code=code)
        return done.stdout + done.stderr

    def run_json(self, verb, *args):
        return json.loads(self.finish(verb, *args, "--json").stdout)

    def config_check(self, code=0):
        done = subprocess.run([self.upnext, "config", "check", "-c", self.folder / "site.toml", "--data", self.folder],
                              capture_output=True, text=True)
        require(done.returncode == code, "config check ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def refused(self, *words, args=(), code=1):
        said = self.run("train", *args, code=code)
        require(all(word in said for word in words), "expected", *words, "\nin", said)

    def published(self):
        return len(list(self.folder.glob(".upnext/site/bundles/v*")))

    def read_examples(self, file):
        read = "import json, pyarrow.parquet, sys; print(json.dumps(pyarrow.parquet.read_table(sys.argv[1]).to_pylist(), default=str))"
        done = subprocess.run([self.programs / "python", "-c", read, file], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def vectors_from_python(self, *users):
        script = ("import json, sys, upnext; project = upnext.Project(sys.argv[1], data=sys.argv[2]); items = project.item_vectors(); "
                  "print(json.dumps([dict(zip(items.names, items.vectors.tolist())), project.user_vectors(sys.argv[3:]).vectors.tolist()]))")
        package = pathlib.Path(__file__).resolve().parent.parent.parent / "python"
        environment = os.environ | {"PYTHONPATH": str(package), "UPNEXT_BUILD": str(self.upnext.parent)}
        done = subprocess.run([self.programs / "python", "-c", script, self.folder / "site.toml", self.folder, *users],
                              env=environment, capture_output=True, text=True)
        require(done.returncode == 0, done.stderr)
        return json.loads(done.stdout)

    def add(self, name):
        """An item that came after the export, watched by every user."""
        at = START + DAYS * 86_400
        self.events += [[f"u{user:02}", name, at + user, kind, value, f"x{user}", 1] for user in range(USERS)
                        for kind, value in (("impression", ""), ("click", ""), ("watch", 100))]
        self.names.append(name)
        self.write_tables()
        self.run("import")


def user_vector(last, clicks):
    return [sum(value * weight[place] for value, weight in zip((last, clicks, 1), WEIGHTS)) + BIAS[place] for place in range(2)]


def scores_of(items):
    """By item: the score that the encoder gave it."""
    return {item["item"]: source["score"] for item in items for source in item["sources"] if source["source"] == GENERATOR}


def feed(server, user):
    answer = server.get("/v1/recommendations", user=user, n=ITEMS + 5, explain=1)
    require(answer["degraded"] == [], answer["degraded"])
    return answer["items"]


def check(site, items, last, clicks):
    """The encoder proposed what has a vector, with its product, and the feed is in this order."""
    vector = user_vector(last, clicks)
    wanted = {name: product(vector, item) for name, item in site.vectors.items()}
    require(max(wanted.values()) < 0, wanted)
    found = scores_of(items)
    require(found.keys() == wanted.keys(), "proposed:", sorted(found), "expected:", sorted(wanted))
    for name, score in wanted.items():
        require(abs(found[name] - score) < 1e-4, name, "has", found[name], "expected", score)
    shown = [wanted[item["item"]] for item in items if item["item"] in wanted]
    require(shown == sorted(shown, reverse=True), "not in order:", shown)


def run_with_runtime(cases):
    """The exit status of a script whose arguments are the program and a folder for a virtual environment with ONNX Runtime."""
    upnext = pathlib.Path(sys.argv[1]).resolve()
    programs = python_with(sys.argv[2], ["onnxruntime>=1.17", "pyarrow"])
    if programs is None:
        print("skipped: PyPI could not give ONNX Runtime and pyarrow")
        return 77
    if not os.environ.get(LIBRARY):
        pattern = "lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"
        os.environ[LIBRARY] = str(sorted(programs.parent.glob(pattern))[0])

    def in_folder(one):
        def run():
            with tempfile.TemporaryDirectory() as folder:
                one(upnext, pathlib.Path(folder), programs)
        run.__name__ = one.__name__
        return run

    return run_cases([in_folder(one) for one in cases])
