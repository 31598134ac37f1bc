#!/usr/bin/env python3
"""The command line's own text: help, manual pages, completions, versions and variables of the environment.

usage: command_line.py UPNEXT

Of shells, man and mandoc those that are installed are used; bash always."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

from case import require, run_cases, small_site


def said(*command, code=0, **environment):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})
    require(done.returncode == code, *command, "ended with", done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def verbs_of(text):
    _, _, below = text.partition("\nSubcommands:\n")
    return [line.split()[0] for line in below.split("\n\n")[0].splitlines() if re.match(r"  \S", line)]


def all_verbs(upnext, *words):
    """The words of every verb, and of those below them."""
    for verb in verbs_of(said(upnext, "help", *words)):
        yield (*words, verb)
        yield from all_verbs(upnext, *words, verb)


def help_says_what_the_flag_says(site):
    verbs = list(all_verbs(site.upnext))
    require(("config", "check") in verbs and ("keys", "add") in verbs and ("serve",) in verbs, verbs)
    for words in verbs:
        require(said(site.upnext, "help", *words) == said(site.upnext, *words, "--help"), "the help of", *words)
    require("did you mean 'train'" in said(site.upnext, "help", "trian", code=1), "no suggestion")
    require("has no verbs below it" in said(site.upnext, "help", "train", "now", code=1), "a verb below a verb")


def the_version_says_what_it_is_made_of(site):
    version = json.loads(said(site.upnext, "version", "--json"))
    require(version["version"] == said(site.upnext, "--version").strip(), version)
    require(re.fullmatch(r"[0-9a-f]{40}|", version["commit"]), version)
    require(version["vector_units"]["used"] in version["vector_units"]["usable"], version)
    require(all(re.match(r"\d|of the system$", text) for text in version["libraries"].values()), version["libraries"])
    require({"DuckDB", "RocksDB", "oneDNN"} <= set(version["libraries"]), version)
    if "AVX2" in version["vector_units"]["usable"]:
        limited = json.loads(said(site.upnext, "version", "--json", UPNEXT_MAX_ISA="AVX2"))
        require(limited["vector_units"]["usable"][0] == "AVX2" and limited["products"] == "fp32", limited)
    lines = said(site.upnext, "version").splitlines()
    require(lines[0] == f"upnext {version['version']}" and len(lines) == 5, lines)


def manual_pages_are_free_of_warnings(site):
    folder = site.folder / "man"
    said(site.upnext, "help", "--man-pages", folder)
    pages = {page.name for page in folder.iterdir()}
    verbs = verbs_of(said(site.upnext, "help"))
    require(pages == {"upnext.1", "upnext.toml.5"} | {f"upnext-{verb}.1" for verb in verbs}, pages)
    require((folder / "upnext-keys.1").read_text() == said(site.upnext, "help", "--man", "keys"), "another page")
    for page in sorted(folder.iterdir()):
        if shutil.which("man"):
            done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
            require(done.returncode == 0 and not done.stderr, page.name, done.stderr)
        if shutil.which("mandoc"):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", page], capture_output=True, text=True)
            require(done.returncode == 0, page.name, done.stdout)


def completed(script, *words):
    """What bash offers for the last of the words."""
    ask = f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _upnext; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=60)
    return set(done.stdout.split())


def bash_completes_verbs_options_values_and_folders(site):
    script = site.folder / "completion.bash"
    script.write_text(said(site.upnext, "completion", "bash"))
    said("bash", "-n", script)
    verbs = set(verbs_of(said(site.upnext, "help")))
    require(verbs <= completed(script, "upnext", '""'), completed(script, "upnext", '""'))
    require(completed(script, "upnext", "tr") == {"train"}, completed(script, "upnext", "tr"))
    require(completed(script, "upnext", "keys", "re") == {"revoke"}, "verbs below a verb")
    require(completed(script, "upnext", "keys", "add", "--ro") == {"--roles"}, "options of a verb below a verb")
    require(completed(script, "upnext", "train", "--only", '""') == {"retrieval", "ranking"}, "values")
    require(completed(script, "upnext", "train", "--only", "=", "ra") == {"ranking"}, "values after =")
    require(completed(script, "upnext", "serve", "--port", '""') == set(), "a number has no completions")
    require(completed(script, "upnext", "help", "ser") == {"serve"}, "verbs after help")
    require(completed(script, "upnext", "help", "keys", '""') == {"add", "list", "revoke"}, "verbs below a verb after help")
    require(completed(script, "upnext", "help", "--man", "keys", "l") == {"list"}, "an option between")
    require(completed(script, "upnext", "help", "keys", "add", '""') == set(), "nothing is below a verb below a verb")
    require(completed(script, "upnext", "help", "train", '""') == set(), "nothing is below a verb")
    require(completed(script, "upnext", "completion", '""') == {"bash", "zsh", "fish"}, "shells")
    (site.folder / "folders" / "inside").mkdir(parents=True)
    (site.folder / "folders" / "insight.txt").write_text("")
    path = site.folder / "folders" / "ins"
    require(completed(script, "upnext", "serve", "--data", str(path)) == {str(path) + "ide"}, "folders alone")


def other_shells_read_their_scripts(site):
    for shell in ("zsh", "fish"):
        script = site.folder / f"completion.{shell}"
        script.write_text(said(site.upnext, "completion", shell))
        if shutil.which(shell):
            said(shell, "-n", script)
    require("csh not in {" in said(site.upnext, "completion", "csh", code=2), "an unknown shell is taken")
    if shutil.which("fish"):
        ask = f"source {site.folder / 'completion.fish'}; complete -C 'upnext train --only '"
        require({line.split("\t")[0] for line in said("fish", "-c", ask).splitlines()} == {"retrieval", "ranking"}, "fish")


def variables_come_between_flags_and_the_file(site):
    # A variable that no option of the verb has is not read.
    said(site.upnext, "version", UPNEXT_PORT="abc")
    wrong = said(site.upnext, "serve", code=2, UPNEXT_PORT="abc")
    require("the variable UPNEXT_PORT=abc of the environment" in wrong, wrong)
    wrong = said(site.upnext, "run", code=2, UPNEXT_MEMORY="much")
    require("UPNEXT_MEMORY=much" in wrong, wrong)
    project = site.folder / "site.toml"
    shown = said(site.upnext, "config", "show", "--origin", UPNEXT_CONFIG=str(project), UPNEXT_PROJECT_DIR="/elsewhere",
                 UPNEXT_DATA="/data")
    require(re.search(r'^project.directory = "/elsewhere" +# UPNEXT_PROJECT_DIR$', shown, re.M), shown)
    require(re.search(r'^project.data = "/data" +# UPNEXT_DATA$', shown, re.M), shown)
    plain = said(site.upnext, "config", "show", "-c", project)
    require("#" not in plain and 'project.directory = "' in plain, plain)
    site.run("import")
    site.run("train")
    process = subprocess.Popen(site.command("serve", "--threads", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, env={**os.environ, "UPNEXT_PORT": "0", "UPNEXT_THREADS": "7", "UPNEXT_NO_KEYS": "1",
                                               "UPNEXT_MEMORY": "600MiB"})
    try:
        for line in process.stderr:
            if found := re.search(r" on (http://127\.0\.0\.1:\d+)", line):
                break
        with urllib.request.urlopen(found[1] + "/v1/config", timeout=20) as answer:
            values = {one["key"]: one for one in json.load(answer)["values"]}
    finally:
        process.terminate()
        process.communicate(timeout=60)
    origins = {key: values[f"server.{key}"]["origin"] for key in ("port", "threads", "keys", "memory", "address")}
    require(origins == {"port": "UPNEXT_PORT", "threads": "--threads", "keys": "UPNEXT_NO_KEYS", "memory": "UPNEXT_MEMORY",
                        "address": "default"}, origins)
    require(values["server.threads"]["value"] == "1" and values["server.keys"]["value"] == "false", values)


def a_check_says_what_is_wrong_and_ends_with_one(site):
    good = said(site.upnext, "config", "check", "-c", site.folder / "site.toml", "--json")
    require(all(one["health"] == "ok" for one in json.loads(good)), good)
    wrong = site.folder / "wrong.toml"
    wrong.write_text("[import]\nevents = \"SELECT 1 AS nobody\"\n")
    done = subprocess.run([site.upnext, "config", "check", "-c", wrong], capture_output=True, text=True, timeout=60)
    require(done.returncode == 1 and "wrong.toml:2:" in done.stdout and "nobody" in done.stdout, done.stdout, done.stderr)


def main():
    for name in [name for name in os.environ if name.startswith("UPNEXT_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as folder:
        return run_cases([
            help_says_what_the_flag_says, the_version_says_what_it_is_made_of, manual_pages_are_free_of_warnings,
            bash_completes_verbs_options_values_and_folders, other_shells_read_their_scripts,
            variables_come_between_flags_and_the_file, a_check_says_what_is_wrong_and_ends_with_one,
        ], small_site(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
