#!/usr/bin/env python3
"""Malformed requests of a generator, by seed: HTTP, JSON, expressions, pages and gzip. The server lives, and every answer is
well-formed: JSON, and for an error a problem document with the status of the answer.

    tests/abuse/malformed.py build/release/upnext [--count 10000] [--seed 1]
"""
import argparse
import gzip
import json
import os
import random
import socket
import sys
import urllib.parse

from abuse_site import Failed, Server, Site, require

JSON_TYPE = "Content-Type: application/json\r\n"
WORDS = ["item.created", "item.title", "now", "1", "-1", "1e999", "0/0", "'a'", "\"b\"", "$x", "in", "and", "or", "not", "<",
         ">=", "==", "+", "*", "/", "(", ")", "[", "]", ",", "if(", "min(", "hour", "day", "user.age", "request.device",
         "\u00e4", "\0", "item.", ".", "null", "true", "{", "}", ";", "--", "\\"]
VALUES = ["u1", "", "0", "-1", "1000", "1001", "99999999999999999999", "1e9", "NaN", "\0", "\u2028", "%", "%zz", "%00", "a" * 600,
          "i1", "../..", "<script>", "{}", "[]", "\ud83d\ude00"]
NAMES = ["user", "n", "offset", "exclude", "after", "score", "filter", "boost", "parameter.x", "return", "explain", "scenario",
         "device", "current_item", "x", "", "n[]"]
EVENT_KEYS = ["user", "item", "type", "value", "time", "request", "id", "position", "source", "propensity", "device", "x"]
PATHS = ["/v1/recommendations", "/v1/events", "/v1/items", "/v1/items/i1", "/v1/items/i1/similar", "/v1/users", "/v1/users/u1",
         "/healthz", "/readyz", "/v1/status", "/v1/config", "/v1/bundles", "/v1/rollback", "/v1/backup", "/v1/reload",
         "/openapi.json", "/", "//", "/v1", "/v1/items/%2e%2e", "/v1/users/%00", "*", "http://x/v1/events"]


def scrambled(draw, data):
    """A few bytes of it changed, doubled or left out."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        if not data:
            break
        at = draw.randrange(len(data))
        what = draw.randrange(4)
        if what == 0:
            data[at] = draw.randrange(256)
        elif what == 1:
            del data[at:at + draw.randint(1, 20)]
        elif what == 2:
            data[at:at] = data[at:at + draw.randint(1, 20)]
        else:
            data[at:at] = bytes([draw.choice(b'"{}[],:\\\r\n\0 \xff')])
    return bytes(data)


def any_json(draw, depth=0):
    kind = draw.randrange(7 if depth < 5 else 5)
    if kind == 0:
        return draw.choice(VALUES)
    if kind == 1:
        return draw.choice([0, -1, 1 << 63, 1e308, 0.5, 1700000000])
    if kind == 2:
        return draw.choice([True, False, None])
    if kind in (3, 4):
        return draw.choice(["click", "watch", "u1", "i1", "search"])
    if kind == 5:
        return [any_json(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(EVENT_KEYS): any_json(draw, depth + 1) for _ in range(draw.randrange(5))}


def post(path, body, more=""):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def query(draw):
    pairs = [("user", "u1")] if draw.random() < 0.8 else []
    for _ in range(draw.randrange(5)):
        name = draw.choice(NAMES)
        if name in ("filter", "boost"):
            value = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 30)))
        else:
            value = draw.choice(VALUES)
        pairs.append((name, value))
    draw.shuffle(pairs)
    text = urllib.parse.urlencode([(n, v.encode("utf-8", "surrogatepass")) for n, v in pairs])
    path = draw.choice(["/v1/recommendations", "/v1/recommendations", "/v1/items/i1/similar", "/v1/items", "/v1/users"])
    return f"GET {path}?{text} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def expression(draw):
    text = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 60)))
    if draw.random() < 0.1:
        text = "(" * draw.randint(1, 3000) + text
    pairs = {"user": "u1", draw.choice(["filter", "boost"]): text, "parameter.x": draw.choice(VALUES).encode("utf-8", "surrogatepass")}
    return f"GET /v1/recommendations?{urllib.parse.urlencode(pairs)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def body(draw):
    events = {"events": [{key: any_json(draw, 3) for key in draw.sample(EVENT_KEYS, draw.randint(1, 6))}
                         for _ in range(draw.randint(0, 3))]}
    data = json.dumps(events if draw.random() < 0.6 else any_json(draw)).encode("utf-8", "surrogatepass")
    if draw.random() < 0.5:
        data = scrambled(draw, data)
    if draw.random() < 0.05:
        data = b"[" * draw.randint(1, 100_000)
    path = draw.choice(["/v1/events", "/v1/events", "/v1/items", "/v1/users", "/v1/rollback", "/v1/backup", "/v1/items/i1"])
    return post(path, data, JSON_TYPE if draw.random() < 0.9 else "")


def packed(draw):
    data = gzip.compress(json.dumps({"events": [{"user": "u1", "item": "i1", "type": "click"}]}).encode() * draw.choice([1, 1, 500]))
    if draw.random() < 0.8:
        data = scrambled(draw, data)
    return post("/v1/events", data, JSON_TYPE + "Content-Encoding: gzip\r\n")


def http_bytes(draw):
    whole = draw.choice([query, body])(draw)
    if draw.random() < 0.3:
        whole = (f"{draw.choice(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'get', ''])} {draw.choice(PATHS)} "
                 f"HTTP/{draw.choice(['1.1', '1.0', '2.0', '1.1 '])}\r\n"
                 f"Host: {draw.choice(['localhost', '', 'evil.example', '127.0.0.1', 'a b'])}\r\n\r\n").encode()
    return scrambled(draw, whole) if draw.random() < 0.7 else whole


KINDS = [query, expression, body, packed, http_bytes]


def exchange(port, data):
    """All that the server answers until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has answered and closed before it read everything
        got = b""
        try:
            while piece := client.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got


def check_first(answer):
    """Of the first answer on the connection: how it is written. Its status."""
    head, found, rest = answer.partition(b"\r\n\r\n")
    require(found, "no end of the head")
    lines = head.decode("ascii").split("\r\n")
    version, status = lines[0].split()[:2]
    require(version in ("HTTP/1.1", "HTTP/1.0") and status.isdigit(), lines[0])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "content-length" not in headers:
        return int(status)
    content = rest[:int(headers["content-length"])]
    kind = headers.get("content-type", "")
    if not content:  # of HEAD, or 100-continue
        return int(status)
    require(len(content) == int(headers["content-length"]), "cut short")
    if kind.startswith("application/problem+json"):
        problem = json.loads(content.decode())
        require(int(status) >= 400 and problem["status"] == int(status), problem, status)
        require(set(problem) == {"type", "title", "status", "detail"} and problem["detail"], problem)
    else:
        require(int(status) < 400, "an error that is no problem document", status, content[:200])
        if kind == "application/json":
            json.loads(content.decode())
    require(int(status) not in (500,), "a failure of the server", content[:400])
    return int(status)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("upnext")
    parser.add_argument("--count", type=int, default=int(os.environ.get("UPNEXT_MALFORMED") or 1000))
    parser.add_argument("--seed", type=int, default=1, help="of the first request")
    given = parser.parse_args()
    counts = {}
    with Site(given.upnext) as site:
        site.upnext("import")
        site.upnext("train")
        server = Server(site)
        for seed in range(given.seed, given.seed + given.count):
            draw = random.Random(seed)
            data = KINDS[seed % len(KINDS)](draw)
            try:
                answer = exchange(server.port, data)
                status = check_first(answer) if answer else 0
            except (Failed, OSError, ValueError, KeyError) as error:
                raise Failed(f"seed {seed}: {error!r}, asked {data[:600]!r}") from None
            counts[status] = counts.get(status, 0) + 1
            require(server.process.poll() is None, "seed", seed, "ended the server, asked", data[:600])
        require(server.request("GET", "/v1/recommendations?user=u1")[0] == 200, "no feed after all")
        server.stop()
    print("answers by status (0: closed without one):", dict(sorted(counts.items())))


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")
