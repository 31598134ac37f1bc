#!/usr/bin/env python3
"""Simulated users of a real server with TLS, keys, scenarios and exploration, and what its log says of other scenarios.

    bench/live_off_policy.py [--upnext build/release/upnext] [--seeds 5] [--json FILE] [--out docs/results/live-off-policy.md]
    bench/live_off_policy.py --small                     as a test: one seed, less than a minute

For each seed: a world, its log, one training. Then `upnext serve` with keys, and `upnext simulate --live --lifecycle` of
the days after the log: two thirds of the users get the scenario `home`, which explores, the others `calm`; slates after a watch are of
`next`. `upnext estimate` says from the log of the server what `home` without exploration (`best`) and the order of `calm`
would have been worth to the users of `home`. The truth is that of all users in the same world, from the same bundle, with a
server of `best` and one of `calm` alone. Both are of the first answer on the home page to each user: later ones come after others of
the scenario, so that what the user has seen by then depends on it.

Ends with exit code 1 if the server failed once, if the mean weights of a place for `best` (evaluation/off_policy.h) are not 1, if
an estimate of its clicks is further than 4.5 standard errors from the truth, or if items of a list are not shown as
often as their propensities say (chi-square).
"""
import argparse
import collections
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
DAY = 86_400
# Chance alone passes them in less than one of 100,000 comparisons.
MOST_ERRORS, QUANTILE = 4.5, 4.27
MEASURES = {"click": "clicks", "watch": "watch_s"}  # the truth of a reward

PROJECT = """
[import]
events = "SELECT * FROM read_parquet('{data}/events*.parquet')"
items = "SELECT * FROM read_parquet('{data}/items.parquet')"
users = "SELECT * FROM read_parquet('{data}/users.parquet')"
[labels]
complete = "watch"
complete_share = 0.7
[split]
kind = "time"
validation_days = 1
test_days = 1
[retrieval]
dim = 16
depth = 0
negatives = 0
epochs = 4
table_learning_rate = 0.1
[ranking]
widths = [32]
epochs = 4
[[ranking.objective]]
name = "watch"
label = "watch_seconds"
cap = 900
score_weight = 1.0
[[ranking.objective]]
name = "click"
label = "click"
[server]
%(tls)s
[serving]
filter_seen = true
log_impressions = true
at_most = { channel = 3 }
[[serving.pin]]
item = "v00007"
position = 3
# Few candidates: each place that explores then shows one of a few more than %(pool)d.
[scenario.home]
generators = { candidate-model = %(pool)d, next = 2, co-watch = 2, trending = 0, popular = 0, new-items = 2, bought-together = 0 }
explore = %(explore)s
[scenario.best]
generators = { candidate-model = %(pool)d, next = 2, co-watch = 2, trending = 0, popular = 0, new-items = 2, bought-together = 0 }
[scenario.calm]
generators = { candidate-model = %(pool)d, next = 2, co-watch = 2, trending = 0, popular = 0, new-items = 2, bought-together = 0 }
boost = "if(item.duration > 900, 1.2, 1)"
[scenario.next]
explore = 0.1
generators = { candidate-model = 60, next = 20, co-watch = 20 }
"""
FULL = {"users": 4000, "items": 600, "days": 12, "log_days": 10, "slate": 4, "explore": 0.4, "pool": 8}
SMALL = {"users": 1200, "items": 300, "days": 10, "log_days": 8, "slate": 4, "explore": 0.25, "pool": 10}


class Failed(Exception):
    """What should hold did not."""


def require(condition, *words):
    if not condition:
        raise Failed(" ".join(str(w) for w in words))


class Site:
    """A world and the project that was trained on its first days."""

    def __init__(self, upnext, folder, size, seed):
        self.upnext, self.folder, self.size = upnext, folder, size
        start = int(time.time()) // DAY * DAY - size["days"] * DAY  # the server has the clock of the machine
        (folder / "world.toml").write_text(
            f"seed = {seed}\nusers = {size['users']}\nitems = {size['items']}\ndays = {size['days']}\n"
            f"start_s = {start}\n[sessions]\nslate_size = {size['slate']}\n")
        self.certificate = None
        tls = ""
        if shutil.which("openssl"):  # else plain HTTP
            self.certificate = folder / "cert.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-keyout",
                            folder / "key.pem", "-out", self.certificate], check=True, capture_output=True)
            tls = f'certificate = "{self.certificate}"\nprivate_key = "{folder / "key.pem"}"'
        (folder / "site.toml").write_text(PROJECT % {**size, "tls": tls})
        self.world = ["--world", folder / "world.toml", "--log-days", str(size["log_days"])]
        self.run("simulate", "-o", folder / "data", *self.world)
        self.run("import", *self.project("first"))
        self.run("train", *self.project("first"))

    def project(self, name):
        return ["-c", self.folder / "site.toml", "--data", self.folder / "data", "--project-dir", self.folder / name]

    def run(self, verb, *words):
        trusted = {"SSL_CERT_FILE": str(self.certificate)} if self.certificate else {}
        done = subprocess.run([self.upnext, verb, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=1200, env={**os.environ, **trusted})
        require(done.returncode == 0, verb, *words, "ended with", done.returncode, done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout

    def key(self, project, roles):
        return self.run("keys", "add", *self.project(project), "--roles", roles, "--name", roles).strip()

    @contextlib.contextmanager
    def server(self, project):
        """The address of a server on a copy of the first project, which has no events yet, and keys by role."""
        shutil.copytree(self.folder / "first", self.folder / project)
        keys = {role: self.key(project, role) for role in ("recommend", "events", "admin")}
        with subprocess.Popen([self.upnext, "serve", *self.project(project), "--port", "0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            said = ""
            try:
                for line in process.stdout:
                    said += line
                    found = re.search(r"(https?)://127\.0\.0\.1(:\d+)", line)
                    if found:
                        break
                require(process.poll() is None and found, "the server did not start:", said)
                yield f"{found[1]}://localhost{found[2]}", keys
            finally:
                process.terminate()
                process.stdout.close()
                process.wait(timeout=60)

    def live(self, project, *scenarios):
        with self.server(project) as (url, keys):
            said = json.loads(self.run(
                "simulate", "--live", "--lifecycle", "--url", url, *self.world, "--json", "--next-scenario", "next",
                "--key", keys["recommend"], "--events-key", keys["events"], "--admin-key", keys["admin"],
                *(word for name in scenarios for word in ("--scenario", name))))
        server = said["server"]
        require(server["errors"] == 0 and server["slates"] > 0, server)
        require(min(server[what] for what in ("sessions_merged", "users_forgotten", "items_published")) > 0, server)
        return server

    def check_replay(self, project):
        """Every answer is made again to the byte, but where an item of the user's events was changed after them."""
        said = json.loads(self.run("replay", *self.project(project), "--all", "--json"))
        require(said["different"] == 0 and said["gone"] == 0 and said["same"] > 20 * said["changed"], said)

    def estimate(self, project, scenario, reward):
        return json.loads(self.run("estimate", *self.project(project), "--of", "home", "--scenario", scenario, "--reward",
                                   reward, "--first", "--json"))


def truth_of(server, scenario, measure):
    return next(one["first"][measure] for one in server["scenarios"] if one["scenario"] == scenario)


def check_weights(estimate):
    """Where propensities are right, the mean weight of every place is 1."""
    for number, place in enumerate(estimate["places"], 1):
        away = abs(place["mean_weight"] - 1)
        require(away <= MOST_ERRORS * place["error"] + 1e-9, f"the mean weight of place {number} is",
                place["mean_weight"], "with a standard error of", place["error"])


def chi_square_bound(freedom):
    """Wilson and Hilferty: the quantile that one of 100,000 samples is above."""
    return freedom * (1 - 2 / (9 * freedom) + QUANTILE * math.sqrt(2 / (9 * freedom))) ** 3


def check_frequencies(site, requests):
    """One list for many users without history, who all have the same order: items at the first two places, as often as
    their propensities say, which are those of both ways to a place, by score and by exploration."""
    with site.server("probe") as (url, keys):
        place = urllib.parse.urlsplit(url)
        connection = (http.client.HTTPSConnection(place.hostname, place.port, timeout=20,
                                                  context=ssl.create_default_context(cafile=site.certificate))
                      if site.certificate else http.client.HTTPConnection(place.hostname, place.port, timeout=20))
        first, second = collections.Counter(), collections.Counter()
        propensity = {}
        for probe in range(requests):
            body = {"user": f"probe{probe}", "n": 2, "scenario": "home", "device": "tv",
                    "items": [f"v{item:05}" for item in range(10, 16)]}
            connection.request("POST", "/v1/recommendations", json.dumps(body),
                               {"Content-Type": "application/json", "Authorization": "Bearer " + keys["recommend"]})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            require(answer.status == 200 and len(said["items"]) == 2, said)
            path = ()
            for counted, item in zip((first, second), said["items"]):
                path += (item["item"],)
                require(propensity.setdefault(path, item["propensity"]) == item["propensity"], path, item)
                counted[path] += 1
    require(len(first) > 1, "nothing was explored:", first)
    require(abs(sum(propensity[path] for path in first) - 1) < 1e-6, "the propensities of a place sum to",
            sum(propensity[path] for path in first))
    top = first.most_common(1)[0][0]
    results = []
    for counted, total in ((first, requests), ({p: n for p, n in second.items() if p[:1] == top}, first[top])):
        expected = {path: total * propensity[path] for path in counted}
        require(abs(sum(expected.values()) - total) < 1e-6 * total, "an item was never shown", expected)
        square = sum((counted[path] - expected[path]) ** 2 / expected[path] for path in counted)
        results.append({"chi_square": square, "freedom": len(counted) - 1, "bound": chi_square_bound(len(counted) - 1)})
        require(square <= results[-1]["bound"], "items are not shown as often as their propensities say:", counted,
                expected, results[-1])
    return results


def run_seed(upnext, size, seed):
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, pathlib.Path(folder), size, seed)
        frequencies = check_frequencies(site, 3000)
        # Side by side, since a server waits for the disk more than for the processor.
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            runs = {"log": pool.submit(site.live, "log", "home", "home", "calm"),
                    **{name: pool.submit(site.live, name, name) for name in ("best", "calm")}}
            log, truths = runs.pop("log").result(), {name: run.result() for name, run in runs.items()}
            site.check_replay("log")
            asked = [(scenario, reward) for scenario in truths for reward in MEASURES]
            estimates = list(pool.map(lambda one: site.estimate("log", *one), asked))
        rows = []
        for (scenario, reward), estimate in zip(asked, estimates):
            if scenario == "best":
                check_weights(estimate)
            rows.append({"seed": seed, "scenario": scenario, "reward": reward, **estimate,
                         "truth": truth_of(truths[scenario], scenario, MEASURES[reward])})
    return {"seed": seed, "frequencies": frequencies, "log": log, "rows": rows}


def distance(row, name):
    """Of an estimate from the truth, in standard errors."""
    estimate = row["estimates"][name]
    return (estimate["mean"] - row["truth"]["mean"]) / math.hypot(estimate["error"], row["truth"]["error"])


def check_estimates(runs):
    """Of the scenario without exploration, whose weights are bounded, and clicks: errors of means of a few hundred values are
    themselves wrong where one value in a thousand decides, as an item of `calm` that was explored or a watch of an hour."""
    for run in runs:
        for row in run["rows"]:
            if (row["scenario"], row["reward"]) != ("best", "click"):
                continue
            for name in ("ips", "snips", "dr"):
                require(abs(distance(row, name)) <= MOST_ERRORS, name, "of", row["scenario"], row["reward"], "is",
                        row["estimates"][name], "and the truth", row["truth"])


def covered(row, name):
    return row["estimates"][name]["low"] <= row["truth"]["mean"] <= row["estimates"][name]["high"]


def page(runs, size, commit, took_s):
    rows = [row for run in runs for row in run["rows"]]
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    slates, events = (sum(run["log"][what] for run in runs) for what in ("slates", "events"))
    out = [f"""# Live mode and off-policy estimates

Simulated users of a real server, with TLS, keys, two scenarios for the home page and one after a watch, exploration, sessions that
are merged, users who are forgotten and items that are published meanwhile; and what the log of that server says of other
scenarios ([how](../guides/simulator.md#off-policy-estimates)).

    bench/live_off_policy.py --seeds {len(runs)}

{datetime.date.today()}, commit {commit}, {machine}, {os.cpu_count()} threads, {took_s / 60:.1f} minutes. A seed:
{size["users"]:,} users, {size["items"]} items, a log of {size["log_days"]} days and {size["days"] - size["log_days"]} days live, lists of
{size["slate"]} places, `explore = {size["explore"]}` among about {size["pool"]} candidates, at most three items of a channel, a pin at the third
place. The servers that were logged gave {slates:,} answers and took {events:,} events, with no error;
{sum(run["log"]["sessions_merged"] for run in runs)} sessions were merged, {sum(run["log"]["users_forgotten"] for run in runs)} users forgotten, {sum(run["log"]["items_published"] for run in runs)} items published.

`best` is the logged scenario `home` without exploration, `calm` one with another boost. Clicks and watched seconds of the first answer
on the home page to each user: before it, the histories of users are the same in all runs. Later answers come after others of the
scenario, which is a part of its value that no log of another scenario has. The truth is that of all users with a server of that
scenario alone.

| seed | scenario | reward | answers | truth | logged | ips | snips | dr | effective answers, first and last place |
|---:|---|---|---:|---:|---:|---|---|---|---|"""]
    for row in rows:
        cells = [f"{e['mean']:.3f} ± {1.96 * e['error']:.3f}{'' if covered(row, name) else ' (not)'}"
                 for name, e in ((name, row["estimates"][name]) for name in ("ips", "snips", "dr"))]
        out.append(f"| {row['seed']} | {row['scenario']} | {row['reward']} | {row['pages']:,} | {row['truth']['mean']:.3f} | "
                   f"{row['estimates']['logged']['mean']:.3f} | {' | '.join(cells)} | "
                   f"{row['places'][0]['effective']:,.0f}, {row['places'][-1]['effective']:,.0f} |")
    out.append("\n± and \"(not)\": 95 % intervals, and those without the truth.\n\n"
               "| estimate | scenario | intervals with the truth | mean distance from it, standard errors | width next to the truth |\n"
               "|---|---|---:|---:|---:|")
    for name in ("ips", "snips", "dr"):
        for scenario in ("best", "calm"):
            of = [row for row in rows if row["scenario"] == scenario]
            width = statistics.mean(1.96 * row["estimates"][name]["error"] / row["truth"]["mean"] for row in of)
            out.append(f"| {name} | {scenario} | {sum(covered(row, name) for row in of)} of {len(of)} | "
                       f"{statistics.mean(distance(row, name) for row in of):+.2f} | ± {100 * width:.0f} % |")
    weights = [abs(p["mean_weight"] - 1) / p["error"] for row in rows if row["scenario"] == "best" for p in row["places"] if p["error"] > 0]
    squares = [f["chi_square"] / f["bound"] for run in runs for f in run["frequencies"]]
    out.append(f"\nMean weights of places for `best`: at most {max(weights):.1f} standard errors from 1 ({len(weights)} of them). Frequencies of "
               f"items at the first two places against their propensities: chi-square at most {max(squares):.2f} of the bound "
               f"that chance passes once in 100,000 times ({len(squares)} tests of 3,000 requests).\n")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", type=pathlib.Path, default=ROOT / "build/release/upnext")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="one small seed")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures")
    parser.add_argument("--out", type=pathlib.Path, help="write the page of results")
    flags = parser.parse_args()
    upnext, size = flags.upnext.resolve(), SMALL if flags.small else FULL
    began, runs = time.time(), []
    try:
        for seed in range(1, (1 if flags.small else flags.seeds) + 1):
            runs.append(run_seed(upnext, size, seed))
            for row in runs[-1]["rows"]:
                print(f"seed {seed} {row['scenario']} {row['reward']}: truth {row['truth']['mean']:.4f},",
                      *(f"{name} {row['estimates'][name]['mean']:.4f} ± {1.96 * row['estimates'][name]['error']:.4f}"
                        for name in row["estimates"]), f"of {row['pages']} answers, {time.time() - began:.0f} s", flush=True)
        check_estimates(runs)
    except Failed as failed:
        print(f"FAILED: {failed}", file=sys.stderr)
        return 1
    finally:
        if flags.json and runs:
            flags.json.write_text(json.dumps(runs, indent=1) + "\n")
    if flags.out:
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                                check=True).stdout.strip()
        flags.out.write_text(page(runs, size, commit, time.time() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
