#!/usr/bin/env python3
"""Every answer of a running server is what /openapi.json describes: each operation is called over its socket, and its status,
type and body are held to the document. A key of an answer that the document does not name is a failure too.

    tests/cases/openapi.py build/release/upnext
"""
import json
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from case import Server, Site, require, run_cases

PROJECT = """
[import]
events = '''SELECT "user", item, time, type, value, request, position FROM read_csv('{data}/events.csv', types = {'request': 'VARCHAR'})'''
items = '''SELECT item, title, channel, duration FROM read_csv('{data}/items.csv')'''
[split]
kind = "leave-one-out"
[retrieval]
epochs = 1
dim = 8
[ranking]
epochs = 1
[scenario.home]
explore = 0.3
boost = "if(item.channel == 'c1', 2, 1)"
[server]
stop_delay = 0
backups = "backups"
"""
START = 1_700_000_000
TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None), "integer": int, "number": (int, float)}


class Mismatch(Exception):
    """An answer is not what the document says."""


def is_of(value, kind):
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


class Document:
    """An OpenAPI document; `check` knows the part of JSON Schema that it uses, and refuses other words."""

    WORDS = {"$ref", "type", "enum", "properties", "required", "additionalProperties", "items", "oneOf", "anyOf", "description",
             "minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default",
             "examples", "uniqueItems", "format"}

    def __init__(self, document):
        self.document = document

    def resolved(self, one):
        while "$ref" in one:
            found = self.document
            for part in one["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            one = found
        return one

    def check(self, value, schema, where="$"):
        schema = self.resolved(schema)
        if unknown := set(schema) - self.WORDS:
            raise Mismatch(f"{where}: the test does not know {unknown}")
        for word in ("oneOf", "anyOf"):
            if word not in schema:
                continue
            failures = [why for one in schema[word] if (why := self.why_not(value, one, where))]
            fitting = len(schema[word]) - len(failures)
            if fitting == 0 or (word == "oneOf" and fitting > 1):
                raise Mismatch(f"{where}: {fitting} of {word} fit: {failures}")
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(is_of(value, kind) for kind in kinds):
            raise Mismatch(f"{where}: expected {kinds}, found {value!r:.80}")
        if "enum" in schema and value not in schema["enum"]:
            raise Mismatch(f"{where}: expected one of {schema['enum']}, found {value!r:.80}")
        if isinstance(value, dict):
            self.check_object(value, schema, where)
        elif isinstance(value, list):
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                raise Mismatch(f"{where}: {len(value)} elements")
            for i, one in enumerate(value):
                self.check(one, schema.get("items", {}), f"{where}[{i}]")
        elif isinstance(value, str):
            if len(value) > schema.get("maxLength", len(value)) or not re.search(schema.get("pattern", ""), value):
                raise Mismatch(f"{where}: {value!r:.80}")
        elif is_of(value, "number"):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                raise Mismatch(f"{where}: {value} is out of bounds")

    def check_object(self, value, schema, where):
        if missing := [key for key in schema.get("required", []) if key not in value]:
            raise Mismatch(f"{where}: without {missing}")
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", not known and "oneOf" not in schema and "anyOf" not in schema)
        for key, one in value.items():
            if key in known:
                self.check(one, known[key], f"{where}.{key}")
            elif isinstance(others, dict):
                self.check(one, others, f"{where}.{key}")
            elif not others and "oneOf" not in schema and "anyOf" not in schema:
                raise Mismatch(f"{where}: the key {key} is not described")

    def why_not(self, value, schema, where):
        try:
            self.check(value, schema, where)
        except Mismatch as mismatch:
            return str(mismatch)
        return ""


class Caller:
    """Calls operations, holds their answers to the document, and notes which of them answered 200."""

    def __init__(self, url):
        self.url, self.done = url, set()
        with urllib.request.urlopen(url + "/openapi.json", timeout=60) as answer:
            self.document = Document(json.load(answer))

    def operations(self):
        return {(method, path) for path, of in self.document.document["paths"].items() for method in of}

    def call(self, method, path, id=None, body=None, status=200, accept=None, type="application/json", **query):
        """The body of the answer to an operation, which must have this status; `id` stands for {id}."""
        described = self.document.document["paths"][path][method]
        target = path.replace("{id}", urllib.parse.quote(str(id), safe="")) + "?" + urllib.parse.urlencode(query, doseq=True)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": type} if data is not None else {}
        headers.update({"Accept": accept} if accept else {})
        request = urllib.request.Request(self.url + target.rstrip("?"), data, headers, method=method.upper())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                found, kind, text = answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            found, kind, text = error.code, error.headers["Content-Type"], error.read()
        where = f"{method} {target}"
        require(found == status, where, "answered", found, text[:300])
        require(str(found) in described["responses"], where, "status", found, "is not described")
        content = self.document.resolved(described["responses"][str(found)]).get("content")
        require(content or found == 200, where, "has no description of an answer with", found)
        if found == 200:
            self.done.add((method, path))
        if not content or kind.split(";")[0] not in ("application/json", "application/problem+json", "application/x-ndjson"):
            return text.decode()
        require(kind in content, where, "answered", kind, "described are", list(content))
        values = [json.loads(line) for line in text.splitlines()] if kind == "application/x-ndjson" else [json.loads(text)]
        for value in values:
            why = self.document.why_not(value, content[kind]["schema"], "$")
            require(not why, where, why)
        return values if kind == "application/x-ndjson" else values[0]


def make_site(upnext, folder):
    site = Site(upnext, folder)
    (folder / "site.toml").write_text(PROJECT)
    rows = []
    for user in range(40):
        for step in range(6):
            at, request = START + 3600 * (user + 40 * step), f"r{user}-{step}"
            chosen = (user + step * step) % 17
            for position, item in enumerate((chosen, (chosen + 5) % 17), 1):
                rows.append([f"u{user}", f"i{item}", at, "impression", "", request, position])
            rows.append([f"u{user}", f"i{chosen}", at + 5, "click", "", request, ""])
            rows.append([f"u{user}", f"i{chosen}", at + 9, "watch", 60, request, ""])
    site.write("events.csv", ["user", "item", "time", "type", "value", "request", "position"], rows)
    site.write("items.csv", ["item", "title", "channel", "duration"], [[f"i{i}", f"Title {i}", f"c{i % 3}", 60] for i in range(17)])
    site.run("import")
    site.run("train")
    site.run("train", "--seed", "9", "--force")
    return site


def feeds(caller):
    get = ("get", "/v1/recommendations")
    post = ("post", "/v1/recommendations")
    slate = caller.call(*get, user="u1", n=5, explain=1, **{"return": "title,channel"})
    require(slate["items"][0]["predictions"] and slate["exponents"], "explained by a ranker", slate)
    explored = caller.call(*get, user="u2", scenario="home", n=5, explain=1)
    require("propensity" in explored["items"][0] and any("boost" in item for item in explored["items"]), explored)
    caller.call(*get, user="u1", after=slate["request"], n=5)
    caller.call(*get, session="s1", exclude=["i1", "nothing"])
    caller.call(*get, user="nobody", status=200, watching="i3")
    caller.call(*get, status=400)
    caller.call(*get, user="u1", after="0123456789abcdef", status=404)
    caller.call(*post, body={"user": "u1", "items": ["i3", "nothing"], "explain": True})
    page = caller.call(*post, body={"user": "u1", "explain": True, "return": ["title"], "rows": [
        {"scenario": "home", "n": 3}, {"because": True, "n": 2}, {"segment": "channel", "n": 2, "items": 2}, {"n": 9}]})
    require("because" in page["rows"][1] and page["rows"][2]["segments"], page)
    caller.call(*post, body={"session": "s2", "rows": [{"because": True}]})  # a row without items
    caller.call(*post, body={"user": "u1", "rows": []}, status=400)
    caller.call(*post, body=b"user=u1", type="text/plain", status=415)
    for request in (slate, explored, page["rows"][2]):
        caller.call("get", "/v1/requests/{id}", id=request["request"])
    caller.call("get", "/v1/requests/{id}", id="0123456789abcdef", status=404)
    caller.call("get", "/v1/items/{id}/similar", id="i3", n=5, **{"return": "title"})
    caller.call("get", "/v1/items/{id}/similar", id="i3", user="u1", pull=0.5)
    caller.call("get", "/v1/items/{id}/similar", id="nothing", status=404)


def events_and_people(caller):
    event = {"user": "u1", "type": "watch", "item": "i3", "value": 50, "id": "e-1", "device": "tv", "position": 2, "time": START + 10**6}
    require(caller.call("post", "/v1/events", body={"events": [event]})["accepted"] == 1, "an event")
    require(caller.call("post", "/v1/events", body=event)["duplicates"] == 1, "again")
    caller.call("post", "/v1/events", body={"session": "s3", "type": "click", "item": "i4"})
    caller.call("post", "/v1/events", body={"user": "u1"}, status=400)
    caller.call("get", "/v1/users/{id}/history", id="u1", n=3)
    caller.call("get", "/v1/users/{id}/history", id="u1", n=3, before="soon", status=400)
    require(caller.call("post", "/v1/users/{id}/merge", id="u5", body={"session": "s3"})["merged"] == 1, "merged")
    caller.call("post", "/v1/users/{id}/merge", id="u5", body={"sesion": "s3"}, status=400)


def items_and_users(caller):
    attributes = {"item": {"title": "New", "channel": "c9", "topics": ["a", "b"], "created": START, "duration": 20, "language": "de"},
                  "user": {"region": "DE", "age": 40, "gender": 1, "language": "de"}}
    for word, row in attributes.items():
        one, all_of = f"/v1/{word}s/{{id}}", f"/v1/{word}s"
        caller.call("put", one, id="new", body=row)
        caller.call("patch", one, id="new", body={"language": None})
        caller.call("patch", one, id="none/such", body={}, status=404)
        caller.call("get", one, id="new")
        caller.call("get", one, id="none/such", status=404)
        caller.call("post", all_of, body=[{word: "one", **row}, {word: 2}])
        caller.call("post", all_of, body=json.dumps({word: "line"}).encode(), type="application/x-ndjson")
        caller.call("post", all_of, body=[{word: "x", "nothing": 1}], status=400)
        page = caller.call("get", all_of, n=5)
        caller.call("get", all_of, n=5, after=page["next"])
        require(len(caller.call("get", all_of, n=3, accept="application/x-ndjson")) == 3, "lines")
        caller.call("get", all_of, n=5, after="none/such", status=400)
        key = "channel" if word == "item" else "region"
        changed = caller.call("patch", all_of, body={"language": "fr"}, filter=f"{word}.{key} == $of", **{"parameter.of": row[key]})
        require(changed["changed"] == 2, changed)
        caller.call("patch", all_of, body={}, filter="nothing(", status=400)
    caller.call("delete", "/v1/items", filter="item.title == 'New'", dry_run=1)
    require(caller.call("delete", "/v1/items", filter="item.title == 'New'")["changed"] == 2, "deleted")
    caller.call("delete", "/v1/items/{id}", id="line")
    caller.call("delete", "/v1/items/{id}", id="line", status=404)
    caller.call("delete", "/v1/users/{id}", id="u9")


def operations(caller):
    for path in ("/healthz", "/readyz", "/metrics", "/v1/status", "/status", "/llms.txt", "/openapi.json", "/v1/config"):
        caller.call("get", path)
    caller.call("get", "/guides/{id}", id="events.md")
    caller.call("get", "/guides/{id}", id="nothing.md", status=404)
    listed = caller.call("get", "/v1/bundles")
    require([one["by"] for one in listed["changes"]] == ["training", "training"], listed)
    caller.call("post", "/v1/reload")
    require(caller.call("post", "/v1/reload", body={})["changed"] is False, "nothing is new")
    require(caller.call("post", "/v1/rollback")["changed"], "the one before")
    caller.call("post", "/v1/rollback", status=409)
    caller.call("post", "/v1/rollback", body={"bundle": "v000009"}, status=404)
    require(caller.call("get", "/v1/bundles")["changes"][-1]["by"] == "roll back", "the roll back is recorded")
    caller.call("post", "/v1/backup", body={"to": "monday"})
    caller.call("post", "/v1/backup", body={"to": "monday"}, status=409)


def every_operation_was_answered(caller):
    missing = caller.operations() - caller.done
    require(not missing, "not called, or never answered with 200:", missing)


def main():
    with tempfile.TemporaryDirectory() as folder:
        with Server(make_site(sys.argv[1], Path(folder))) as server:
            return run_cases([feeds, events_and_people, items_and_users, operations, every_operation_was_answered],
                             Caller(server.url))


if __name__ == "__main__":
    sys.exit(main())
