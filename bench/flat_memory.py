#!/usr/bin/env python3
"""Whether the memory of a server stays the same under load: feeds, events, watches that go on, new and deleted items,
visitors who come and are forgotten, at fixed rates.

    bench/flat_memory.py --upnext build/release/upnext -c PROJECT.toml --seconds 3600 [--json]

The project's folder is copied first, without its store. Every five seconds the memory that only the server has (RssAnon)
and all of its resident memory are read; the slope of the first by least squares is of the time after --settle, when caches
and write buffers are full. With --most-mib it is an error when the last fifth has so much more than the one after --settle.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

MIB = 1 << 20


class Server:
    """`upnext serve` of a copy of the project."""

    def __init__(self, given, folder):
        self.command = [given.upnext, "serve", "-c", given.config, "--project-dir", folder, "--port", "0", "--no-keys"]
        if given.memory:
            self.command += ["--memory", given.memory]
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = ""
        for line in self.process.stderr:
            said += line
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.url = f"http://127.0.0.1:{found[1]}"
                break
        else:
            raise SystemExit("the server did not start: " + said)
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def text(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read().decode()

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def memory(self):
        """In bytes: what is the process's own, and all that is resident."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return tuple(int(re.search(name + r":\s+(\d+) kB", text)[1]) * 1024 for name in ("RssAnon", "VmRSS"))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=120)


class Load:
    """One thread, which does each kind of thing so many times a second."""

    def __init__(self, server, given):
        self.server = server
        self.draw = random.Random(given.seed)
        self.users = [one["user"] for one in server.ask("GET", "/v1/users?n=1000")["users"]]
        self.items = [one["item"] for one in server.ask("GET", "/v1/items?n=1000")["items"]]
        self.number, self.done, self.posted = 0, {}, []
        self.rates = {self.feed: given.feeds, self.event: given.events, self.progress: given.events / 4,
                      self.new_item: given.changes, self.visitor: given.changes}

    def feed(self):
        self.server.ask("GET", f"/v1/recommendations?user={self.draw.choice(self.users)}&n=20")

    def event(self):
        self.number += 1
        self.server.ask("POST", "/v1/events", {
            "user": self.draw.choice(self.users), "item": self.draw.choice(self.items), "type": "watch",
            "value": self.draw.randrange(600), "id": f"e{self.number}"})

    def progress(self):
        self.server.ask("POST", "/v1/events", {
            "user": self.draw.choice(self.users), "item": self.draw.choice(self.items), "type": "watch", "progress": True,
            "value": self.draw.randrange(600), "id": f"p{self.number}"})

    def new_item(self):
        """There are 50 of them at a time."""
        self.number += 1
        name = f"new-{self.number}"
        self.server.ask("PUT", "/v1/items/" + name, {"title": f"Item {self.number}", "topics": ["news"]})
        self.posted.append(name)
        if len(self.posted) > 50:
            self.server.ask("DELETE", "/v1/items/" + self.posted.pop(0))

    def visitor(self):
        self.number += 1
        user = f"visitor-{self.number}"
        self.server.ask("POST", "/v1/events", {"events": [
            {"user": user, "item": item, "type": "watch", "value": 60} for item in self.draw.sample(self.items, 5)]})
        self.server.ask("GET", f"/v1/recommendations?user={user}&n=20")
        self.server.ask("DELETE", "/v1/users/" + user)

    def run(self, seconds, sample, every):
        start = time.monotonic()
        due = [(start + self.draw.random() / rate, action) for action, rate in self.rates.items() if rate > 0]
        due.append((start, sample))
        while True:
            due.sort(key=lambda one: one[0])
            at, action = due[0]
            if at > start + seconds:
                return
            time.sleep(max(0.0, at - time.monotonic()))
            action()
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
            # What could not be done in time is not made up for.
            pause = every if action is sample else 1 / self.rates[action]
            due[0] = (max(at + pause, time.monotonic() - 1), action)


def slope(samples):
    """Per hour, by least squares."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    square = sum((x - mean_x) ** 2 for x, _ in samples)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / square if square else 0.0


def mean(values):
    return sum(values) / len(values)


def measure(given):
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder) / "project"
        shutil.copytree(given.project_dir, project, ignore=shutil.ignore_patterns("store", "lock"))
        server = Server(given, project)
        try:
            load = Load(server, given)
            start, samples = time.monotonic(), []

            def sample():
                own, resident = server.memory()
                samples.append((time.monotonic() - start, own, resident))

            load.run(given.seconds, sample, every=min(5.0, given.seconds / 30))
            parts = server.ask("GET", "/v1/status")["memory"]
        finally:
            server.stop()
    settled = [one for one in samples if one[0] >= given.settle * given.seconds]
    fifth = max(1, len(settled) // 5)
    grown = mean([own for _, own, _ in settled[-fifth:]]) - mean([own for _, own, _ in settled[:fifth]])
    return {"seconds": given.seconds, "done": load.done, "parts": parts, "grown_mib": grown / MIB,
            "own_mib_per_hour": slope([(at, own / MIB) for at, own, _ in settled]),
            "resident_mib_per_hour": slope([(at, resident / MIB) for at, _, resident in settled]),
            "samples": [[round(at, 1), round(own / MIB, 2), round(resident / MIB, 2)] for at, own, resident in samples]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", required=True)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--project-dir", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--settle", type=float, default=0.4, help="this share of the time is not fitted")
    parser.add_argument("--feeds", type=float, default=40, help="per second")
    parser.add_argument("--events", type=float, default=40, help="per second")
    parser.add_argument("--changes", type=float, default=1, help="new items, and visitors, per second")
    parser.add_argument("--memory", default="", help="as of `upnext serve`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-mib", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given)
    if given.json:
        print(json.dumps(found))
    else:
        for at, own, resident in found["samples"][:: max(1, len(found["samples"]) // 20)]:
            print(f"{at:8.1f} s {own:9.1f} MiB of its own, {resident:9.1f} MiB resident")
        print(", ".join(f"{count} x {name}" for name, count in sorted(found["done"].items())))
        print(f"{found['own_mib_per_hour']:+.2f} MiB an hour of its own, {found['resident_mib_per_hour']:+.2f} resident")
    if given.most_mib and found["grown_mib"] > given.most_mib:
        sys.exit(f"FAILED: {found['grown_mib']:.1f} MiB more at the end, expected at most {given.most_mib}")


if __name__ == "__main__":
    main()
