#!/usr/bin/env python3
"""What first users of the HTTP API tried, with the real binary. usage: tests/cases/http_api.py build/release/upnext"""

import gzip
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = """[import]
events = '''
SELECT "user", item, time, 'complete' AS type
FROM read_csv('{data}/plays.csv')
'''
[labels]
complete = "event"
[server]
stop_delay = 0
"""


def require(condition, *words):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(str(w) for w in words))


class Site:
    def __init__(self, binary):
        self.binary = str(Path(binary).resolve())
        self.folder = tempfile.TemporaryDirectory(prefix="upnext-case-")
        root = Path(self.folder.name)
        rng = random.Random(7)
        users = ["x|y", "用户", "p/q", *(f"n{i}" for i in range(17))]
        rows = [f"{rng.choice(users)},i{min(rng.randrange(30), rng.randrange(30))},{1_705_000_000 + 600 * i}"
                for i in range(400)]
        (root / "plays.csv").write_text("\n".join(["user,item,time", *rows, ""]))
        self.project = root / "project.toml"
        self.project.write_text(PROJECT)
        self.upnext("import")
        self.upnext("train")

    def upnext(self, verb, *more, expect=0):
        done = subprocess.run([self.binary, verb, "-c", str(self.project), *more], capture_output=True, text=True,
                              timeout=120)
        require(done.returncode == expect, verb, *more, done.returncode, done.stderr)
        return done.stderr

    def serve(self, *more, keys=False):
        """The process and the URL that it prints."""
        more = more if keys else ("--no-keys", *more)
        server = subprocess.Popen([self.binary, "serve", "-c", str(self.project), "--port", "0", "--threads", "1", *more],
                                  stderr=subprocess.PIPE, text=True)
        for line in server.stderr:
            found = re.search(r" on (http://\S+)", line)
            if found:
                return server, found[1]
        raise SystemExit(f"FAILED: no server: {server.wait()}")


def stop(server, how=signal.SIGINT, code=0):
    server.send_signal(how)
    require(server.wait(timeout=60) == code, "exit code", server.returncode)
    server.stderr.close()


def ask(url, method, target, body=b"", headers=None):
    """Sends the target as it is; returns status, headers and body."""
    host, port = re.fullmatch(r"http://\[?([^\]/]+?)\]?:(\d+)", url).groups()
    lines = {"Host": url[len("http://"):], "Connection": "close", **(headers or {})}
    if body or method == "POST":
        lines["Content-Length"] = len(body)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    top, _, text = answer.partition(b"\r\n\r\n")
    first, *rest = top.decode().split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    if found.get("content-encoding") == "gzip":
        text = gzip.decompress(text)
    return int(first.split()[1]), found, text


def get(url, target, **more):
    status, _, text = ask(url, "GET", target, **more)
    return status, json.loads(text)


def post(url, event, headers=None):
    body = json.dumps({"events": [event]}).encode()
    status, _, text = ask(url, "POST", "/v1/events", body, headers or {"Content-Type": "application/json"})
    return status, json.loads(text)


def raw_characters_in_a_url(site, url):
    for character, code in (("|", "%7C"), ("{", "%7B"), ("}", "%7D"), ("^", "%5E"), ("用", "%E7%94%A8")):
        status, answer = get(url, f"/v1/recommendations?user=x{character}y&n=1")
        require(status == 400 and character in answer["detail"] and code in answer["detail"], character, answer)
    for user, encoded in (("x|y", "x%7Cy"), ("用户", "%E7%94%A8%E6%88%B7"), ("p/q", "p%2Fq")):
        status, answer = get(url, f"/v1/recommendations?user={encoded}&n=1")
        require(status == 200 and answer["user"] == user and answer["items"] and "unknown user" not in str(answer), answer)


def requests(site, url):
    event = {"user": "n1", "type": "complete", "item": "i1"}
    json_type = {"Content-Type": "application/json"}
    packed = gzip.compress(json.dumps({"events": [event]}).encode())
    status, _, text = ask(url, "POST", "/v1/events", packed, {**json_type, "Content-Encoding": "gzip"})
    require(status == 200 and json.loads(text)["accepted"] == 1, text)
    status, headers, text = ask(url, "POST", "/v1/events", packed, {**json_type, "Content-Encoding": "br"})
    require(status == 415 and headers["accept-encoding"] == "gzip" and b"'br'" in text, text)
    status, headers, _ = ask(url, "GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
    require(status == 200 and headers["content-encoding"] == "gzip" and "GMT" in headers["date"], headers)
    for value, key in ((17, "user"), (5, "item"), ("2024-01-05T10:00:00Z", "time"), (1_704_448_800, "time")):
        status, answer = post(url, {**event, key: value})
        require(status == 200 and answer["accepted"] == 1, key, value, answer)
    status, answer = post(url, {**event, "user": 1.5})
    require(status == 400 and "write it in quotes" in answer["detail"], answer)
    status, answer = post(url, {**event, "time": "2199-01-01"})
    require(status == 400 and "after the server's clock" in answer["detail"], answer)
    status, answer = post(url, {**event, "time": "2014-06-01"})
    require(status == 200, "less than max_days_behind = 3650 days before the log:", answer)
    for early in ("2013-06-01", 1_704_448):  # the second in thousands of seconds
        status, answer = post(url, {**event, "time": early})
        require(status == 400 and "3650 days before the log's first event" in answer["detail"]
                and "max_days_behind" in answer["detail"], answer)
    status, answer = post(url, {**event, "type": "completed"})
    require(status == 400 and "add_to_cart" in answer["detail"], answer)
    status, answer = post(url, event, {"Content-Type": "text/plain"})
    require(status == 415, answer)
    status, answer = post(url, event, {"Content-Type": "application/json", "Host": "attacker.example"})
    require(status == 421, answer)
    status, _, text = ask(url, "OPTIONS", "/v1/events", headers={"Origin": "https://a.example"})
    require(status == 405, text)


def second_page(site, url):
    pages = [get(url, f"/v1/recommendations?user=n3&n=4&offset={at}")[1]["items"] for at in (0, 4)]
    whole = get(url, "/v1/recommendations?user=n3&n=8")[1]["items"]
    names = [item["item"] for page in pages for item in page]
    require(names == [item["item"] for item in whole] and len(set(names)) == 8, names)
    shown = "&exclude=".join(names[:4])
    others = [item["item"] for item in get(url, f"/v1/recommendations?user=n3&n=4&exclude={shown}")[1]["items"]]
    require(len(others) == 4 and not set(others) & set(names[:4]), others)


def keys(site):
    """The first start makes a key, others are made and revoked while the server runs."""
    server = subprocess.Popen([site.binary, "serve", "-c", str(site.project), "--port", "0"], stderr=subprocess.PIPE, text=True)
    first = url = None
    for line in server.stderr:
        first = first or (re.match(r"key  (upn_\S+)", line) or [None, None])[1]
        url = (re.search(r" on (http://\S+)", line) or [None, None])[1]
        if url:
            break
    feed = "/v1/recommendations?user=n1&n=2"
    bearer = lambda key: {"Authorization": f"Bearer {key}"}
    try:
        require(first, "no key was shown")
        require(get(url, "/readyz")[0] == 200, "readyz needs a key")
        status, found, text = ask(url, "GET", feed)
        require(status == 401 and found["www-authenticate"] == "Bearer" and b"upnext keys add" in text, status, found, text)
        require(get(url, feed, headers=bearer(first))[0] == 200, "the first key")
        made = subprocess.run([site.binary, "keys", "add", "-c", str(site.project), "--roles", "events", "--name", "app"],
                              capture_output=True, text=True, check=True).stdout.strip()
        time.sleep(1.5)
        require(get(url, feed, headers=bearer(made))[0] == 403, "a key of events asks for a feed")
        event = {"user": "n1", "item": "i1", "type": "complete"}
        require(post(url, event, {"Content-Type": "application/json", **bearer(made)})[0] == 200, "events")
        listed = json.loads(subprocess.run([site.binary, "keys", "list", "-c", str(site.project), "--json"],
                                           capture_output=True, text=True, check=True).stdout)
        require([key["roles"] for key in listed] == [["admin"], ["events"]] and made.split("_")[2] not in str(listed), listed)
        subprocess.run([site.binary, "keys", "revoke", "-c", str(site.project), listed[1]["id"]], check=True,
                       capture_output=True)
        time.sleep(1.5)
        require(post(url, event, {"Content-Type": "application/json", **bearer(made)})[0] == 401, "revoked")
        require(ask(url, "DELETE", "/v1/users/n9", headers=bearer(first))[0] == 200, "forget")
        audit = [json.loads(line) for line in open(site.project.parent / ".upnext/project/audit.log")]
        require([line["target"] for line in audit] == ["/v1/users/n9"], audit)
    finally:
        stop(server)


def addresses(site):
    for address, start in (("::1", "http://[::1]:"), ("[::1]", "http://[::1]:"), ("localhost", "http://127.0.0.1:")):
        server, url = site.serve("--address", address)
        require(url.startswith(start), url)
        require(get(url, "/readyz")[0] == 200, url)
        stop(server)
    said = site.upnext("serve", "--address", "0.0.0.0", "--port", "0", expect=1)
    require("--allow-unprotected" in said and "no TLS" in said, said)
    server, _ = site.serve("--address", "0.0.0.0", "--allow-unprotected")
    stop(server, signal.SIGTERM)


def request_log(site):
    """Relative to the project file; a collector that is not there stops nothing."""
    site.project.write_text(PROJECT + 'request_log = "requests.log"\notlp = "http://127.0.0.1:9"\notlp_share = 1\n')
    server, url = site.serve()
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"Traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    status, feed = get(url, "/v1/recommendations?user=n3&n=2", headers=headers)
    require(status == 200 and feed["degraded"] == [] and feed["missing"] == {}, feed)
    _, _, metrics = ask(url, "GET", "/metrics")
    require(b'upnext_feeds_total{scenario=""} 1\n' in metrics, metrics)
    # As logrotate does: the file is moved away, and the server gets a signal.
    log = site.project.parent / "requests.log"
    log.rename(site.project.parent / "requests.log-1")
    server.send_signal(signal.SIGHUP)
    require(get(url, "/v1/recommendations?user=n4&n=2")[0] == 200, "a feed after SIGHUP")
    stop(server)
    site.project.write_text(PROJECT)
    require([json.loads(line)["route"] for line in log.read_text().splitlines()] == ["recommendations"], log.read_text())
    lines = [json.loads(line) for line in (site.project.parent / "requests.log-1").read_text().splitlines()]
    require([line["route"] for line in lines] == ["recommendations", "metrics"], lines)
    require(lines[0]["trace"] == trace and lines[0]["feeds"][0]["request"] == feed["request"], lines[0])
    require("n3" not in json.dumps(lines), lines)


def main():
    os.environ.pop("UPNEXT_DATA", None)  # the data is next to the project file
    site = Site(sys.argv[1])
    server, url = site.serve()
    try:
        for case in (raw_characters_in_a_url, requests, second_page):
            case(site, url)
            print(f"{case.__name__}: ok", flush=True)
        stop(server)
    finally:
        server.kill()
    for case in (keys, addresses, request_log):
        case(site)
        print(f"{case.__name__}: ok")


if __name__ == "__main__":
    main()
