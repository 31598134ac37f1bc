#!/usr/bin/env python3
"""Whether every answer of a server can be made again to the byte: mixed traffic, then `upnext replay --all`.

    bench/serve_replay.py --upnext build/release/upnext -c PROJECT.toml --project-dir PROJECT --answers 10000
                          [--other-bundle FOLDER]

The traffic, of --threads clients: feeds of scenarios with rules, exploration, rotation and cold start, pages, given lists,
rows, items like an item for a user, filters, boosts and weights, sessions that sign in, events, watches that go on, new items
and changes of them, users who are forgotten; and bundles that take turns, when the project has two or is given another one
of the same log. The project's folder is copied first, without its store. Ends with 1 when an answer is different. Answers
that rest on something that was changed are counted apart, with the reason (`upnext replay` in docs/guides/running.md).
"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse

from flat_memory import Server

RULES = """
[scenario.home]
explore = 0.2
diversity = 0.2
at_most = { channel = 4 }
[scenario.home.cold_start]
fewer_than = 5
explore = 0.5
generators = { popular = 100, candidate-model = 0 }
[scenario.next]
rotation = 0.8
fresh_share = 0.2
filter = "item.duration < 100000"
boost = "if(item.duration > 300, 1.5, 1)"
"""


class Client(threading.Thread):
    """Asks and posts until `stop` is set; what is wrong ends it with `failure`."""

    def __init__(self, server, names, number, seed):
        super().__init__()
        self.server, (self.users, self.items) = server, names
        self.draw, self.number, self.made = random.Random(seed + number), number, 0
        self.asked, self.stop, self.failure, self.last = collections.Counter(), False, None, None
        self.own = []  # items that this client has posted
        self.actions = [(self.home, 20), (self.next, 12), (self.page, 8), (self.given, 6), (self.similar, 5),
                        (self.rows, 3), (self.session, 4), (self.expressions, 10), (self.watch, 30),
                        (self.progress, 5), (self.new_item, 1), (self.change_item, 1), (self.forget, 0.3)]

    def name(self, kind):
        self.made += 1
        return f"{kind}-{self.number}-{self.made}"

    def user(self):
        return self.draw.choice(self.users)

    def feed(self, **parameters):
        parameters.setdefault("user", self.user())
        parameters.setdefault("n", self.draw.randint(1, 30))
        answer = self.server.ask("GET", "/v1/recommendations?" + urllib.parse.urlencode(parameters))
        self.last = (parameters.get("user"), answer)
        return answer

    def home(self):
        self.feed(scenario="home")

    def next(self):
        self.feed(scenario="next", current_item=self.draw.choice(self.items), device=self.draw.choice(["tv", "phone"]))

    def page(self):
        if self.last is None or self.last[0] is None:
            return
        try:
            self.feed(user=self.last[0], after=self.last[1]["request"])
        except urllib.error.HTTPError as error:  # the user was forgotten meanwhile
            if error.code != 404:
                raise
            self.last = None

    def given(self):
        self.server.ask("POST", "/v1/recommendations",
                        {"user": self.user(), "items": self.draw.sample(self.items, 20) + ["nope"]})

    def similar(self):
        item = self.draw.choice(self.items)
        self.server.ask("GET", f"/v1/items/{item}/similar?n=10&pull=0.5&user={self.user()}")

    def rows(self):
        self.server.ask("POST", "/v1/recommendations", {"user": self.user(), "rows": [
            {"scenario": "home", "n": 10}, {"because": True, "n": 8}, {"segment": "channel", "n": 3, "items": 4}]})

    def session(self):
        """A visitor looks around, watches something and, every other time, signs in."""
        session = self.name("s")
        slate = self.server.ask("GET", f"/v1/recommendations?session={session}&scenario=home&n=10")
        self.post({"session": session, "type": "watch", "item": slate["items"][0]["item"], "value": 400,
                   "request": slate["request"]})
        self.server.ask("GET", f"/v1/recommendations?session={session}&n=10")
        if self.draw.random() < 0.5:
            self.server.ask("POST", f"/v1/users/{self.user()}/merge", {"session": session})

    def expressions(self):
        self.server.ask("POST", "/v1/recommendations", {
            "user": self.user(), "n": 15, "filter": "item.duration > $least", "parameters": {"least": 30},
            "boost": "if(item.duration < 600, 2, 1)", "exclude": self.draw.sample(self.items, 5)})

    def post(self, event):
        self.server.ask("POST", "/v1/events", event)

    def watch(self):
        """Of what was shown."""
        if self.last is None or not self.last[1]["items"]:
            return
        user, answer = self.last
        item = self.draw.choice(answer["items"])
        self.post({"user": user, "type": self.draw.choice(["watch", "watch", "watch", "like", "click"]), "value": 300,
                   "item": item["item"], "request": answer["request"], "id": self.name("e")})

    def progress(self):
        user, item, name = self.user(), self.draw.choice(self.items), self.name("p")
        for seconds in (30, 90, 400):
            self.post({"user": user, "type": "watch", "item": item, "value": seconds, "id": name, "progress": True})
            self.feed(user=user, n=5)

    def new_item(self):
        name = self.name("new")
        self.server.ask("PUT", f"/v1/items/{name}", {"title": name, "duration": 200, "created": 1_700_000_000})
        self.own.append(name)

    def change_item(self):
        if self.own:
            self.server.ask("PATCH", f"/v1/items/{self.draw.choice(self.own)}", {"duration": self.draw.randint(60, 900)})

    def forget(self):
        self.server.ask("DELETE", "/v1/users/" + self.user())

    def run(self):
        actions, weights = zip(*self.actions)
        while not self.stop:
            action = self.draw.choices(actions, weights)[0]
            try:
                action()
            except Exception as error:  # of any kind; the thread that waits reports it
                text = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
                self.failure = f"{action.__name__}: {error!r} {text}"
                return
            self.asked[action.__name__] += 1


def written(server):
    text = server.text("/metrics")
    return int(next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("upnext_slates_written_total")))


def traffic(server, given, bundles):
    names = tuple([one[kind[:-1]] for one in server.ask("GET", f"/v1/{kind}?n=1000")[kind]] for kind in ("users", "items"))
    clients = [Client(server, names, number, given.seed) for number in range(given.threads)]
    for client in clients:
        client.start()
    swaps = 0
    try:
        while (done := written(server)) < given.answers and not any(client.failure for client in clients):
            # A turn of the bundles after every fifth of the answers.
            if len(bundles) > 1 and done >= given.answers * (swaps + 1) / 5:
                swaps += 1
                server.ask("POST", "/v1/rollback", {"bundle": bundles[swaps % 2]})
            threading.Event().wait(0.2)
    finally:
        for client in clients:
            client.stop = True
            client.join()
    failures = [client.failure for client in clients if client.failure]
    if failures:
        sys.exit(f"FAILED: {failures[0]}")
    return sum((client.asked for client in clients), collections.Counter()), swaps, written(server)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", required=True)
    parser.add_argument("-c", "--config", required=True, type=pathlib.Path)
    parser.add_argument("--project-dir", required=True, type=pathlib.Path)
    parser.add_argument("--other-bundle", type=pathlib.Path)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder) / "project"
        shutil.copytree(given.project_dir, project, ignore=shutil.ignore_patterns("store", "lock"))
        if given.other_bundle:
            shutil.copytree(given.other_bundle, project / "bundles" / "v000099")
        given.config = shutil.copy(given.config, pathlib.Path(folder) / "project.toml")
        with open(given.config, "a") as file:
            file.write("\n" + RULES)
        server = Server(given, project)
        try:
            bundles = [one["bundle"] for one in server.ask("GET", "/v1/bundles")["bundles"] if one["can_be_current"]]
            asked, swaps, answers = traffic(server, given, bundles)
        finally:
            server.stop()
        done = subprocess.run([given.upnext, "replay", "-c", given.config, "--project-dir", project, "--all", "--json"],
                              stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    print(", ".join(f"{count} x {name}" for name, count in sorted(asked.items())) + f"; {swaps} changes of the bundle")
    print(f"{answers} answers were logged, of which were made again: {found['same']} the same to the byte, {found['different']} "
          f"different; {found['changed']} rest on something that was changed, {found['gone']} on something that is gone")
    for reason, count in collections.Counter(
            one["result"] + ": " + one["detail"].split(";")[0] for one in found["answers"]).most_common(8):
        print(f"  {count} x {reason}")
    if done.returncode != 0 or found["different"] or not found["same"]:
        sys.exit("FAILED: answers were not made again as they were served")


if __name__ == "__main__":
    main()
