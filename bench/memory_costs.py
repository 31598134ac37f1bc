#!/usr/bin/env python3
"""What a user, an item and an event cost a server: memory of its own and bytes of its store, as their number grows.

    bench/memory_costs.py --upnext build/release/upnext -c PROJECT.toml --project-dir PROJECT [--steps 6] [--json]

The project's folder is copied first, without its store, and each kind has a server of its own: posted items; new users with
--history events each, who ask for one feed each, so that their states are in memory; the same users without a feed; and
events of known users. After each of --steps equal steps the server's own memory (RssAnon) and the size of its store are read; the
costs are slopes by least squares over all but the first third of the steps, in which buffers fill. With --kinds users:COUNT, items:COUNT and so
on the counts are others than the default.
"""
import argparse
import json
import pathlib
import random
import shutil
import tempfile
import time
import urllib.request

from flat_memory import MIB, Server

COUNTS = {"items": 60_000, "users": 30_000, "users without a feed": 60_000, "events": 300_000}
BATCH = 5_000


class Growth:
    """Posts what makes one kind grow."""

    def __init__(self, server, kind, history, seed):
        self.server, self.kind, self.history = server, kind, history
        self.draw = random.Random(seed)
        self.items = [one["item"] for one in server.ask("GET", "/v1/items?n=1000")["items"]]
        self.known = [one["user"] for one in server.ask("GET", "/v1/users?n=1000")["users"]]
        self.made = 0

    def add(self, count):
        {"items": self.add_items, "events": self.add_events}.get(self.kind, self.add_users)(count)
        self.made += count

    def add_items(self, count):
        items = [{"item": f"new-{self.made + i}", "title": f"A new item, number {self.made + i}", "duration": 300,
                  "created": 1_760_000_000 + i, "channel": f"channel {i % 500}", "topics": ["news", f"topic {i % 40}"]}
                 for i in range(count)]
        for at in range(0, count, BATCH):
            self.post("/v1/items", items[at:at + BATCH])

    def add_events(self, count):
        self.post_events({"user": self.draw.choice(self.known), "type": "watch", "value": 200,
                          "item": self.draw.choice(self.items), "id": f"event-{self.made + i}"} for i in range(count))

    def add_users(self, count):
        users = [f"visitor-{self.made + i}" for i in range(count)]
        self.post_events({"user": user, "type": "watch", "value": 200, "item": self.draw.choice(self.items),
                          "id": f"{user}-{k}"} for user in users for k in range(self.history))
        if self.kind == "users":
            for user in users:
                self.server.ask("GET", f"/v1/recommendations?user={user}&n=10")

    def post_events(self, events):
        batch = []
        for event in events:
            batch.append(event)
            if len(batch) == BATCH:
                self.server.ask("POST", "/v1/events", {"events": batch})
                batch = []
        if batch:
            self.server.ask("POST", "/v1/events", {"events": batch})

    def post(self, path, rows):
        request = urllib.request.Request(self.server.url + path, json.dumps(rows).encode(),
                                         {"Content-Type": "application/json"}, method="POST")
        urllib.request.urlopen(request, timeout=120).read()


def stored(folder):
    """Bytes of the store, without its write-ahead logs, which are of what is in its buffers too."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.suffix != ".log")


def slope(points):
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return (sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points))


def measure(given, kind, count):
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder) / "project"
        shutil.copytree(given.project_dir, project, ignore=shutil.ignore_patterns("store", "lock"))
        server = Server(given, project)
        try:
            growth = Growth(server, kind, given.history, given.seed)
            points = []
            for _ in range(given.steps):
                growth.add(count // given.steps)
                time.sleep(1)  # what is written behind the answers
                own, _ = server.memory()
                parts = server.ask("GET", "/v1/status")["memory"]
                points.append((growth.made, own, stored(project / "store"), parts))
        finally:
            server.stop()
        # A stop writes the buffers, so that the files have everything.
        server = Server(given, project)
        server.stop()
        at_end = stored(project / "store")
    settled = points[len(points) // 3:]
    return {"kind": kind, "count": growth.made, "memory_bytes_each": slope([(n, own) for n, own, _, _ in settled]),
            "store_bytes_each": at_end / growth.made,
            "counted_bytes_each": {part: slope([(n, parts[part]) for n, _, _, parts in settled])
                                   for part in settled[0][3] if part != "process"},
            "points": [[n, round(own / MIB, 1), round(store / MIB, 1)] for n, own, store, _ in points]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", required=True)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--project-dir", required=True, type=pathlib.Path)
    parser.add_argument("--kinds", nargs="*", default=list(COUNTS), help="of " + ", ".join(COUNTS) + "; or KIND:COUNT")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--history", type=int, default=10, help="events of each new user")
    parser.add_argument("--memory", default="4GiB", help="as of `upnext serve`: enough that nothing is evicted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for one in given.kinds:
        kind, _, count = one.partition(":")
        found = measure(given, kind, int(count) if count else COUNTS[kind])
        if given.json:
            print(json.dumps(found), flush=True)
            continue
        counted = ", ".join(f"{part} {each:.0f}" for part, each in found["counted_bytes_each"].items() if abs(each) >= 1)
        print(f"{found['count']:>8} {kind:20} {found['memory_bytes_each']:9.0f} bytes of memory each "
              f"(counted by /v1/status: {counted or 'none'}), {found['store_bytes_each']:8.0f} in the store", flush=True)


if __name__ == "__main__":
    main()
