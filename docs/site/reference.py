#!/usr/bin/env python3
"""Writes the pages of the reference from what the binary says of itself: its verbs, keys, HTTP interface and metrics.

usage: docs/site/reference.py UPNEXT FOLDER

The keys, the interface and the metrics are those of a small site, which is imported, trained and served for this.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import python_pages
from pages import ROOT

sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "cases"))
sys.path.insert(0, str(ROOT / "clients"))
import case  # noqa: E402  a small site and its server
import describe  # noqa: E402  the interface as types and operations

METHODS = {"get": "GET", "put": "PUT", "post": "POST", "patch": "PATCH", "delete": "DELETE"}


def help_of(upnext, *verbs):
    done = subprocess.run([upnext, *verbs, "--help"], capture_output=True, text=True, check=True)
    return done.stdout.replace(upnext, "upnext")


def verbs_of(text):
    """The names below `Subcommands:`."""
    _, _, below = text.partition("\nSubcommands:\n")
    return [line.split()[0] for line in below.split("\n\n")[0].splitlines() if re.match(r"  \S", line)]


def without_footer(text):
    return re.sub(r"\n+`upnext VERB --help`[^\n]*\n*$", "\n", text)


def command_line(upnext):
    """Each verb, and each below it, with its help."""
    top = help_of(upnext)
    page = ["# Command line", "", "What `upnext --help` and `upnext VERB --help` print. Data goes to stdout, progress to stderr. "
            "The exit code is 0 for success, 1 for failure, 2 for wrong usage, 130 after ^C.", "",
            "```text", without_footer(top).rstrip(), "```", ""]

    def add(words, depth):
        text = help_of(upnext, *words)
        summary, _, rest = without_footer(text).partition("\n")
        page.extend([f"{'#' * depth} upnext {' '.join(words)}", "", f"{summary[:1].upper()}{summary[1:]}.", "",
                     "```text", rest.rstrip(), "```", ""])
        for verb in verbs_of(text):
            add([*words, verb], depth + 1)

    for verb in verbs_of(top):
        add([verb], 2)
    return "\n".join(page)


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def keys(values):
    """The keys that the program read, by table, with their defaults."""
    page = ["# Keys of the project file", "", "The keys that a training and a server of a small site read, as `upnext config show` and "
            "`GET /v1/config` list them, with their defaults. What they mean, and the tables that have no defaults (schema, "
            "features, objectives, scenarios), is in [the project file](../guides/project_file.md).", ""]
    table = None
    for value in values:
        name, _, key = value["key"].rpartition(".")
        if name != table:
            table = name
            page.extend(["", f"## [{name}]", "", "| key | value | from |", "|---|---|---|"])
        origin = value["origin"] if value["origin"] in ("default", "variable", "flag") else "project file"
        shown = "(of the site)" if origin == "project file" else f"`{cell(value['value'])}`"
        page.append(f"| `{key}` | {shown} | {origin} |")
    return "\n".join(page) + "\n"


def type_text(given):
    kinds = {"array": lambda: f"list of {type_text(given.of)}", "map": lambda: f"map of {type_text(given.of)}",
             "union": lambda: " or ".join(type_text(option) for option in given.options),
             "enum": lambda: " ".join(f"`{value}`" for value in given.values),
             "object": lambda: f"[{given.name}](#{given.name.lower()})"}
    return kinds.get(given.kind, lambda: given.kind)()


def interface(document):
    api = describe.Api(document)
    page = ["# HTTP interface", "", "Every operation of `/openapi.json` of a project without a `[schema]`; a running server describes "
            "its own. Explanations and examples: [HTTP API](../guides/http_api.md).", ""]
    for operation in api.operations:
        page.extend([f"## {METHODS[operation.method.lower()]} {operation.path}", "", operation.text.strip(), ""])
        if operation.parameters:
            page.extend(["| parameter | in | type | |", "|---|---|---|---|"])
            for parameter in operation.parameters:
                name = f"**`{parameter.name}`**" if parameter.required else f"`{parameter.name}`"
                page.append(f"| {name} | {parameter.place} | {type_text(parameter.type)} | {cell(parameter.description)} |")
            page.append("")
        if operation.body:
            page.extend([f"Body: {type_text(operation.body)}", ""])
        page.extend([f"Answer: {type_text(operation.answer)}", ""])
    page.extend(["## Types", "", "Fields in bold are always there.", ""])
    for name, (description, fields) in api.objects.items():
        page.extend([f"### {name}", "", description or "", "", "| field | type | |", "|---|---|---|"])
        for field in fields:
            shown = f"**`{field.name}`**" if field.required else f"`{field.name}`"
            page.append(f"| {shown} | {type_text(field.type)} | {cell(field.description)} |")
        page.append("")
    return "\n".join(page)


def metrics(text):
    page = ["# Metrics", "", "What `/metrics` of a server has (Prometheus text format).", "", "| metric | type | |", "|---|---|---|"]
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        page.append(f"| `{name}` | {kind} | {cell(helps.get(name, ''))} |")
    return "\n".join(page) + "\n"


def read(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    upnext, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    written = {"cli.md": command_line(upnext), "python.md": python_pages.package(),
               "python-client.md": python_pages.client()}
    with tempfile.TemporaryDirectory() as scratch:
        site = case.small_site(upnext, pathlib.Path(scratch))
        site.run("import")
        site.run("train")
        with case.Server(site) as server:
            written["configuration.md"] = keys(json.loads(read(server.url + "/v1/config"))["values"])
            written["http.md"] = interface(json.loads(read(server.url + "/openapi.json")))
            written["metrics.md"] = metrics(read(server.url + "/metrics"))
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (case.Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"reference: {error}", file=sys.stderr)
        sys.exit(1)
