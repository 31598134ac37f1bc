"""The server as a process of its own: it answers, stops, and ends with the process that started it."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

import small_site
import upnext

ORPHAN = """
import sys, threading, time, small_site, upnext
project = upnext.Project(sys.argv[1], directory=sys.argv[2])
server = project.server()
thread = threading.Thread(target=server.start)          # which ends before the server
thread.start()
thread.join()
time.sleep(1)
print(server.url, server._process.pid, server.is_running, flush=True)
time.sleep(60)
"""


def get(url, key=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.project = small_site.trained()

    def test_it_answers_and_stops(self):
        expected = self.project.recommend("u00042", n=3).ids
        with self.project.server() as server:
            items = get(f"{server.url}/v1/recommendations?user=u00042&n=3")["items"]
            self.assertEqual([item["item"] for item in items], expected)
            with self.assertRaises(upnext.FailedPrecondition):
                server.start()
            url = server.url
        self.assertFalse(server.is_running)
        with self.assertRaises(urllib.error.URLError):
            get(f"{url}/readyz")
        self.assertEqual(list(small_site.FOLDER.glob("**/.trained-*.toml")), [])
        self.assertEqual(self.project.recommend("u00042", n=3).ids, expected)

    def test_keys(self):
        with upnext.Server(self.project, keys=True) as server:
            with self.assertRaises(urllib.error.HTTPError) as caught:
                get(f"{server.url}/v1/recommendations?user=u00042")
            caught.exception.close()
            self.assertEqual(caught.exception.code, 401)
            self.assertTrue(get(f"{server.url}/v1/recommendations?user=u00042", server.key)["items"])

    def test_events_that_were_posted_are_imported(self):
        with self.project.server() as server:
            body = {"events": [{"user": "new here", "item": "v00042", "type": "watch", "value": 100}]}
            request = urllib.request.Request(f"{server.url}/v1/events", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=20).close()
        self.assertEqual(self.project.import_events(from_store=True, progress=False).json["posted_new"], 1)

    def test_it_ends_with_the_process_that_started_it(self):
        self.project.release()
        file = small_site.FOLDER / "orphan.toml"
        file.write_text(self.project.toml, encoding="utf-8")
        process = subprocess.Popen([sys.executable, "-c", ORPHAN, file, self.project.directory], stdout=subprocess.PIPE, text=True,
                                   cwd=os.path.dirname(os.path.abspath(__file__)))
        self.addCleanup(process.kill)
        url, child, runs = process.stdout.readline().split()
        self.assertEqual(runs, "True")
        urllib.request.urlopen(f"{url}/readyz", timeout=20).close()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        latest = time.monotonic() + 30
        while pathlib.Path(f"/proc/{child}").exists() and time.monotonic() < latest:
            time.sleep(0.1)
        self.assertFalse(pathlib.Path(f"/proc/{child}").exists())

    def test_a_server_that_cannot_start_says_why(self):
        with self.assertRaisesRegex(upnext.FailedPrecondition, "train|bundle|import"):
            small_site.project("never trained").server().start()


if __name__ == "__main__":
    unittest.main()
