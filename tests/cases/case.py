"""What the case tests share: a failure, a check, a site, a server, and the run of all cases of a file."""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request


class Failed(Exception):
    """What should hold did not."""


def require(condition, *words):
    if not condition:
        raise Failed(" ".join(str(w) for w in words))


class Site:
    """A site with its project file, site.toml, in `folder`, which is {data} as well; `upnext` is the binary."""

    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, folder

    def write(self, name, head, rows):
        with open(self.folder / name, "w", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    def command(self, verb, *args):
        return [self.upnext, verb, "-c", self.folder / "site.toml", "--data", self.folder, *args]

    def finish(self, verb, *args, code=0):
        done = subprocess.run(self.command(verb, *args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300)
        require(done.returncode == code, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done

    def run(self, verb, *args):
        return self.finish(verb, *args).stdout


def python_with(folder, packages):
    """The bin/ of a virtual environment in `folder` that has these packages, from PyPI; None where they cannot be had."""
    folder, done = pathlib.Path(folder).resolve(), "packages-" + "-".join(packages)
    if not (folder / done).exists():
        subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True)
        install = [folder / "bin/python", "-m", "pip", "install", "-q", "--retries", "0", "--timeout", "20", *packages]
        try:
            if subprocess.run(install, capture_output=True, timeout=400).returncode:
                return None
        except (OSError, subprocess.TimeoutExpired):
            return None
        (folder / done).touch()
    return folder / "bin"


def small_site(upnext, folder):
    """A site of 40 users with 6 watches each of 17 items, not imported yet."""
    site = Site(upnext, folder)
    (folder / "site.toml").write_text("""
[project]
[import]
events = '''SELECT "user", item, time, 'watch' AS type, 60 AS value FROM read_csv('{data}/events.csv')'''
[split]
kind = "leave-one-out"
[retrieval]
epochs = 1
dim = 8
""")
    rows = [[f"u{u}", f"i{(u + k * k) % 17}", 1_700_000_000 + 3600 * (u + 40 * k)] for u in range(40) for k in range(6)]
    site.write("events.csv", ["user", "item", "time"], rows)
    return site


class Server:
    """`upnext serve` as `site.command` starts it, on a free port; stops at the end of a `with`."""

    def __init__(self, site):
        self.process = subprocess.Popen(site.command("serve", "--port", "0", "--no-keys"), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        said = ""
        for line in self.process.stdout:
            said += line
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.url = f"http://127.0.0.1:{found[1]}"
                return
        raise Failed("the server did not say its port: " + said)

    def get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters, doseq=True)}",
                                    timeout=20) as answer:
            return json.load(answer)

    def post(self, *events):
        request = urllib.request.Request(f"{self.url}/v1/events", json.dumps({"events": events}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def run_cases(cases, *given):
    """Calls each case with `given`, says how it ended, and returns the exit status: 1 when one failed."""
    os.environ.pop("UPNEXT_DATA", None)  # each case has its own data
    failed = 0
    for case in cases:
        try:
            case(*given)
            print(f"ok      {case.__name__}", flush=True)
        except (Failed, urllib.error.URLError) as error:
            failed += 1
            print(f"FAILED  {case.__name__}: {error}", flush=True)
    return 1 if failed else 0
