"""The server as a process of its own: it answers, stops, and ends with the process that started it."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock
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


# A script that is killed while its server runs.
FORGETFUL = """
import os, signal, sys
sys.path.append(sys.argv[2])
import small_site, upnext
project = upnext.Project(name="forgetful", directory=sys.argv[1], **small_site.TABLES)
print(project.server().start()._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def get(url, key=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def has_ended(process):
    """Whether a process ends soon."""
    latest = time.monotonic() + 30
    while pathlib.Path(f"/proc/{process}").exists() and time.monotonic() < latest:
        time.sleep(0.1)
    return not pathlib.Path(f"/proc/{process}").exists()


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

    def test_keys_are_asked_for_whatever_the_environment_says(self):
        with unittest.mock.patch.dict(os.environ, UPNEXT_NO_KEYS="1", UPNEXT_ALLOW_UNPROTECTED="1"):
            with upnext.Server(self.project, keys=True) as server:
                with self.assertRaises(urllib.error.HTTPError) as caught:
                    get(f"{server.url}/v1/recommendations?user=u00042")
                caught.exception.close()
                self.assertEqual(caught.exception.code, 401)
            with self.assertRaises(upnext.FailedPrecondition):
                upnext.Server(self.project, address="0.0.0.0").start()

    def test_its_folder_is_that_of_the_project(self):
        with unittest.mock.patch.dict(os.environ, UPNEXT_PROJECT_DIR=str(self.project.directory)):
            project = upnext.Project(name="elsewhere", data=small_site.data(), **small_site.TABLES)
            expected = project.recommend("u00042", n=3).ids
        self.assertIsNone(project.directory)
        named = upnext.Project(name="named", project={"directory": os.path.relpath(self.project.directory)}, **small_site.TABLES)
        for one in (project, named):
            with one.server() as server:
                items = get(f"{server.url}/v1/recommendations?user=u00042&n=3")["items"]
                self.assertEqual([item["item"] for item in items], expected)

    def test_the_file_of_a_script_that_is_killed_is_removed(self):
        self.project.release()
        child = subprocess.run([sys.executable, "-c", FORGETFUL, self.project.directory, os.path.dirname(os.path.abspath(__file__))],
                               check=False, cwd=small_site.FOLDER, timeout=60, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.assertTrue(child)
        self.assertTrue(has_ended(child))
        self.assertEqual(list(small_site.FOLDER.glob(".forgetful-*.toml")), [])

    def test_threads_that_start_it_at_once_start_one(self):
        server, said = self.project.server(), []

        def start():
            try:
                server.start()
            except upnext.FailedPrecondition as error:
                said.append(str(error))

        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.addCleanup(server.stop)
        self.assertEqual(len(said), 1, said)
        self.assertIn("runs already", said[0])
        self.assertTrue(get(f"{server.url}/v1/recommendations?user=u00042&n=3")["items"])

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
        self.assertTrue(has_ended(child))

    def test_a_server_that_cannot_start_says_why(self):
        with self.assertRaisesRegex(upnext.FailedPrecondition, "train|bundle|import"):
            small_site.project("never trained").server().start()


if __name__ == "__main__":
    unittest.main()
