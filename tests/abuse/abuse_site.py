"""A small site with a project file, run with the real binary; shared by the abuse tests."""

import http.client
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

# These projects use generated data.
os.environ.pop("UPNEXT_DATA", None)

PROJECT = """[project]
data = "data"
directory = "project"
[import]
events = '''SELECT "user", item, time, type, value FROM read_csv('{data}/events.csv')'''
[split]
kind = "time"
validation_days = 1
test_days = 1
[retrieval]
dim = 8
depth = 1
epochs = %d
[ranking]
widths = [8]
epochs = 1
[server]
stop_delay = %d
"""
USERS, ITEMS, DAYS = 40, 60, 8
START = 1_700_000_000


class Failed(Exception):
    """A requirement is not met."""


def require(condition, *words):
    if not condition:
        raise Failed(" ".join(str(w) for w in words))


class Site:
    """with Site(binary) as site: site.upnext("import")"""

    def __init__(self, binary, folder=None, epochs=1, keep=False, stop_delay=0):
        self.binary = str(Path(binary).resolve())
        self.root = Path(tempfile.mkdtemp(prefix="upnext-abuse-", dir=folder))
        self.root.chmod(0o755)
        self.project = self.root / "project"
        self.keep = keep
        self.started = []
        (self.root / "data").mkdir()
        (self.root / "upnext.toml").write_text(PROJECT % (epochs, stop_delay))
        self.write_events(seed=1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def write_events(self, seed, folder="data", first_day=0, views=50):
        """Writes an events.csv; returns the number of its rows, which are all different."""
        rng = random.Random(seed)
        rows = {}
        for user in range(USERS):
            for _ in range(views):
                item = min(rng.randrange(ITEMS), rng.randrange(ITEMS))
                at = START + first_day * 86_400 + rng.randrange(DAYS * 86_400)
                rows[f"u{user},i{item},{at},impression,"] = None
                if rng.random() < 0.6:
                    rows[f"u{user},i{item},{at + 1},watch,{rng.randrange(5, 90)}"] = None
        (self.root / folder).mkdir(exist_ok=True)
        lines = ["user,item,time,type,value", *rows, ""]
        (self.root / folder / "events.csv").write_text("\n".join(lines))
        return len(rows)

    def events(self):
        """Number of events in the current log, by upnext inspect."""
        return json.loads(self.upnext("inspect", "--json")[0])[0]["events"]

    def command(self, verb, *more):
        return [self.binary, verb, "-c", str(self.root / "upnext.toml"), *more]

    def start(self, verb, *more, **how):
        process = subprocess.Popen(
            self.command(verb, *more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, **how)
        self.started = [p for p in self.started if p.poll() is None] + [process]
        return process

    def upnext(self, verb, *more, expect=0, **how):
        """Runs a verb; returns (stdout, stderr). Fails unless the exit code is `expect`."""
        done = subprocess.run(
            self.command(verb, *more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300, **how)
        require(done.returncode == expect, f"upnext {verb} ended with {done.returncode}, expected {expect}:",
                done.stdout[-500:], done.stderr[-2000:])
        return done.stdout, done.stderr

    def refused(self, words, verb, *more, **how):
        """The verb must exit with 1, print all of `words`, and leave the project unchanged."""
        before = self.state()
        _, said = self.upnext(verb, *more, expect=1, **how)
        for word in words:
            require(word in said, f"upnext {verb}: expected '{word}' in:", said)
        require(self.state() == before, f"upnext {verb} changed the project although it failed:", before,
                self.state())
        return said

    def state(self):
        """The current versions, after verifying with inspect that they open and all checksums match."""
        if not (self.project / "log" / "CURRENT").exists():
            return None
        found = json.loads(self.upnext("inspect", "--json")[0])
        return [(one["directory"], one.get("digest") or one["parts"]) for one in found]

    def leftovers(self):
        """Temporary files below the project, which must not remain after a verb has succeeded."""
        return [str(p) for p in self.project.rglob("*") if p.name.startswith(".new-") or ".tmp-" in p.name]

    def bytes_used(self):
        """Size of logs, bundles and checkpoints, without the store, which grows with every acknowledged event."""
        return sum(p.lstat().st_blocks * 512 for p in self.project.rglob("*")
                   if p.is_file() and self.project / "store" not in p.parents)


class Server:
    """`upnext serve` on a free port; requests return (status, parsed JSON)."""

    def __init__(self, site, **how):
        self.process = site.start("serve", "--port", "0", "--threads", "1", "--no-keys", **how)
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            port = re.search(r"on http://127\.0\.0\.1:(\d+)", line)
            if port:
                self.port = int(port[1])
                self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                return
        raise Failed(f"the server did not start ({self.process.wait()}): {self.said}")

    def request(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.client.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.client.getresponse()
        return response.status, json.loads(response.read())

    def post(self, events):
        """Status and answer; of a batch that was taken only its counts."""
        status, answer = self.request("POST", "/v1/events", {"events": events})
        if status == 200:
            answer = {key: answer[key] for key in ("accepted", "duplicates")}
        return status, answer

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.client.close()

    def stop(self):
        self.process.terminate()
        rest = self.process.stderr.read()
        require(self.process.wait(timeout=60) == 0, "the server did not stop cleanly:", rest)
        self.client.close()


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.0005)
    return False


def rounds_from_environment(default):
    return int(os.environ.get("UPNEXT_KILL_ROUNDS") or default)
