"""How calls behave: progress, threads, ^C, fork, and evaluations as objects."""
import contextlib
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import types
import unittest
import unittest.mock

import small_site
import upnext
from test_feeds import command_line
from upnext import _call, _progress

# A training that takes minutes, which prints a line when it is under way.
LONG = """
import sys, small_site, upnext
project = small_site.project("long", retrieval={"epochs": 4000, "patience": 4000})
project.import_events(progress=False)
def show(progress):
    if progress.note.startswith("epoch 1"):
        print("under way", flush=True)
try:
    project.train(progress=show)
except KeyboardInterrupt:
    print("stopped", flush=True)
    project.import_events(append=True, progress=False)      # nothing is held any more
    print("usable", flush=True)
"""

# A training in a thread that the interpreter does not wait for.
ABANDONED = """
import sys, threading, small_site, upnext
project = small_site.project("abandoned", retrieval={"epochs": 4000, "patience": 4000})
project.import_events(progress=False)
started = threading.Event()
threading.Thread(target=lambda: project.train(progress=lambda p: p.note.startswith("epoch 1") and started.set()), daemon=True).start()
started.wait()
"""


class Calls(unittest.TestCase):
    def test_the_end_of_the_interpreter_stops_what_a_daemon_does(self):
        done = subprocess.run([sys.executable, "-c", ABANDONED], cwd=os.path.dirname(os.path.abspath(__file__)), capture_output=True,
                              text=True, timeout=100)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_interrupt_stops_a_training(self):
        process = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   cwd=os.path.dirname(os.path.abspath(__file__)))
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "under way\n")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("stopped\nusable\n", 0), err)
        self.assertLess(time.monotonic() - began, 30)

    def test_an_exception_of_the_function_stops_the_call(self):
        project = small_site.project("stopped", retrieval={"epochs": 4000, "patience": 4000})
        project.import_events(progress=False)

        def show(progress):
            if progress.note.startswith("epoch 1"):
                raise RuntimeError("enough")

        with self.assertRaisesRegex(RuntimeError, "enough"):
            project.train(progress=show)
        self.assertTrue(project.import_events(append=True, progress=False))

    def test_progress_that_cannot_be_shown_starts_no_call(self):
        class Broken:
            def __bool__(self):
                raise RuntimeError("neither true nor false")

        project = small_site.trained()
        with unittest.mock.patch.object(_call._library.library, "upnext_call_start", return_value=None) as start:
            with self.assertRaisesRegex(RuntimeError, "neither"):
                project.recommend("u00042", progress=Broken())
        start.assert_not_called()

    def test_a_function_hears_of_every_stage(self):
        heard = []
        small_site.trained().recommend(all_users=True, n=3, progress=heard.append)
        stage = [progress for progress in heard if progress.stage == "recommend"]
        self.assertTrue(stage[-1].ended)
        self.assertEqual(stage[-1].done, stage[-1].total)
        self.assertEqual(stage[-1].unit, "users")

    def test_bars_of_terminals_are_drawn_again(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True
        with contextlib.redirect_stderr(Terminal()) as terminal:
            small_site.trained().recommend(all_users=True, n=3)
        self.assertRegex(terminal.getvalue(), r"recommend +\[#{20}\] 100%.*users/s")
        self.assertTrue(terminal.getvalue().endswith("\n"))
        with contextlib.redirect_stderr(io.StringIO()) as silent:
            small_site.trained().recommend(all_users=True, n=3, progress=False)
        self.assertEqual(silent.getvalue(), "")

    def test_a_notebook_has_one_area_with_bar_and_notes(self):
        drawn = []

        class Area:
            def update(self, markup):
                drawn.append(markup)

        shell = types.SimpleNamespace(kernel=object())
        display = types.SimpleNamespace(HTML=str, display=lambda markup, display_id: Area())
        modules = {"IPython": types.SimpleNamespace(get_ipython=lambda: shell, display=display), "IPython.display": display}
        with unittest.mock.patch.dict(sys.modules, modules):
            shown = _progress.reporter(True)
            shown.note("1 < 2")
            shown.stage({"stage": "train", "unit": "rows", "done": 1, "total": 4})
            shown.stage({"stage": "train", "unit": "rows", "done": 4, "total": 4, "ended": True})
            shown.close()
        self.assertIn("1 &lt; 2", drawn[-1])
        self.assertIn("train 100%", drawn[-1])

    def test_a_line_says_how_far_and_how_long(self):
        line = _progress.line_of(_progress.Progress("train", "examples", 5_000, 20_000, "loss 1.5"), 10.0)
        self.assertEqual(line, "train                      [#####...............]  25%  500.0 examples/s  30 s left  loss 1.5")

    def test_threads_share_a_project_and_the_interpreter_runs(self):
        project, found, ticks = small_site.trained(), [], []
        users = [f"u{i:05}" for i in range(40)]
        expected = [project.recommend(user, n=5).ids for user in users]

        def ask():
            found.append([project.recommend(user, n=5).ids for user in users])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            ticks.append(time.monotonic())
            time.sleep(0.001)
        self.assertEqual(found, [expected] * 4)
        self.assertGreater(len(ticks), 3)

    def test_projects_in_one_process_share_nothing(self):
        other = small_site.project("other", retrieval={"epochs": 1, "dim": 8})
        other.import_events(progress=False)
        results = []
        threads = [threading.Thread(target=lambda: results.append(other.train(only="retrieval", progress=False))),
                   threading.Thread(target=lambda: results.append(small_site.trained().evaluate(progress=False)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 2)
        self.assertEqual((other.item_vectors().dim, small_site.trained().item_vectors().dim), (8, 16))

    def test_a_forked_process_is_refused(self):
        small_site.trained()
        context = multiprocessing.get_context("fork")
        parent, child = context.Pipe()

        def ask():
            try:
                small_site.trained().recommend("u00042")
                child.send("answered")
            except upnext.FailedPrecondition as error:
                child.send(str(error))

        process = context.Process(target=ask)
        process.start()
        self.assertTrue(parent.poll(20), "the forked process hangs")
        self.assertRegex(parent.recv(), "spawn")
        process.join(20)
        self.assertEqual(process.exitcode, 0)


class Evaluations(unittest.TestCase):
    def test_an_evaluation_has_figures_tables_and_a_page(self):
        evaluation = small_site.trained().evaluate(progress=False)
        self.assertGreater(evaluation.value("ndcg@10"), evaluation.value("ndcg@10", "popularity"))
        self.assertRegex(repr(evaluation), r"retrieval: \d+ users\nmodel +.*ndcg@10")
        self.assertIn("±", repr(evaluation))
        of_others = upnext.Evaluation({**evaluation.json, "candidate_model": {"network": "encoder.onnx"}})
        self.assertRegex(repr(of_others), r"retrieval: \d+ users; encoder.onnx \(ONNX\)\n(.*\n)+\nranking: \d+ users\n")
        frame = evaluation.to_frame()
        self.assertIn("popularity", list(frame["model"]))
        self.assertEqual(set(evaluation.to_frame(intervals=True)["stage"]), {"retrieval", "ranking"})
        self.assertIn("<svg", evaluation.html)
        self.assertTrue(evaluation.true_value is None)
        evaluation.write_html(small_site.FOLDER / "report.html")
        with self.assertRaisesRegex(KeyError, "ndcg@10"):
            evaluation.value("ndgc@10")

    def test_the_world_of_a_simulated_site_gives_the_true_value(self):
        project, world = small_site.trained(), small_site.FOLDER / "world.toml"
        world.write_text("users = 250\nitems = 400\ndays = 12\n", encoding="utf-8")
        evaluation = project.evaluate(world=world, progress=False)
        clicks = {row[0]: row[1] for row in evaluation.true_value.rows}
        self.assertGreater(clicks["oracle"], clicks["random"])
        self.assertIn("ranked feed", clicks)
        self.assertRegex(repr(evaluation), r"true value a slate, days 11 to 12\npolicy ")
        said = json.loads(command_line("evaluate", "--world", world, "--json"))
        self.assertEqual(said["true_value"], evaluation.json["true_value"])
        stages = set()
        project.evaluate(progress=lambda progress: stages.add(progress.stage))
        for text, error in (("users = 251\nitems = 400\ndays = 12\n", upnext.FailedPrecondition),
                            ("user = 250\n", upnext.InvalidArgument), (None, upnext.NotFound)):
            world.unlink() if text is None else world.write_text(text, encoding="utf-8")
            heard = []
            with self.subTest(text), self.assertRaises(error):
                project.evaluate(world=world, progress=heard.append)
            self.assertFalse(stages & {progress.stage for progress in heard}, "the evaluation came first")

    def test_a_training_that_is_not_published_is_no_error(self):
        project = small_site.project("gate")
        project.import_events(progress=False)
        self.assertTrue(project.train(progress=False).published)
        again = small_site.project("gate", retrieval={"epochs": 1, "dim": 2, "table_learning_rate": 1e-6, "tower_learning_rate": 1e-6}).train(progress=False)
        self.assertFalse(again.published)
        self.assertIn("is a loss", again.gate)
        self.assertIn("not published", repr(again))


if __name__ == "__main__":
    unittest.main()
