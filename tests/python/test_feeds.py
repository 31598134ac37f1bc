"""Feeds, similar items and vectors, and that they are those of the command line."""
import gc
import json
import subprocess
import sys
import unittest
import weakref

import numpy
import small_site
import upnext


def command_line(*args):
    project = small_site.trained()
    file = small_site.FOLDER / "trained.toml"
    file.write_text(project.toml, encoding="utf-8")
    command = [sys.executable, "-m", "upnext", args[0], "-c", file, "--project-dir", project.directory, *args[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def without_times(slate):
    return {key: value for key, value in slate.items() if key not in ("request", "milliseconds", "stages", "generators")}


class Feeds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.project = small_site.trained()

    def test_a_feed_is_that_of_the_command_line(self):
        said = json.loads(command_line("recommend", "--user", "u00042", "-n", "7", "--explain", "--json"))
        slate = self.project.recommend("u00042", n=7, explain=True)
        self.assertEqual(without_times(slate.json), without_times(said))
        self.assertEqual([item.score for item in slate], sorted((item.score for item in slate), reverse=True))
        self.assertEqual(set(slate[0].predictions), {"watch", "click"})
        self.assertIn("u00042", repr(slate))
        self.assertIn(slate[0].id, slate._repr_html_())
        self.assertEqual(list(slate.to_frame()["item"]), slate.ids)

    def test_all_feeds_are_those_of_the_command_line(self):
        command_line("recommend", "--all-users", "-n", "5", "--out", small_site.FOLDER / "lists.tsv")
        feeds = self.project.recommend(all_users=True, n=5, progress=False)
        feeds.write(small_site.FOLDER / "ours.tsv")
        self.assertEqual((small_site.FOLDER / "ours.tsv").read_text(), (small_site.FOLDER / "lists.tsv").read_text())
        self.assertEqual(len(feeds), 5 * len(list(feeds)))
        self.assertEqual(feeds["u00042"], self.project.recommend("u00042", n=5).ids)
        with self.assertRaises(KeyError):
            feeds["nobody"]

    def test_feeds_say_that_stages_failed(self):
        objectives = [{"name": f"watch{number}", "label": "watch_seconds", "score_weight": float(number == 0)} for number in range(4)]
        project = small_site.project("powers", retrieval={"epochs": 1, "dim": 8}, ranking={"epochs": 1, "objective": objectives})
        project.import_events(progress=False)
        project.train(progress=False)
        said = "degraded: ranker: gave a score that is no number: the order is that of retrieval"
        beyond = {"score": ",".join(f"watch{number}:100" for number in range(4))}  # is infinite for most items
        slate = project.recommend("u00042", n=3, **beyond)
        self.assertEqual(["degraded: " + one for one in slate.degraded], [said])
        self.assertEqual(repr(slate).splitlines()[-1], "note: " + said)
        self.assertIn(f"<li>{said}</li>", slate._repr_html_())
        feeds = project.recommend(users=["u00003", "u00001"], n=4, progress=False, **beyond)
        self.assertEqual((feeds.degraded, len(feeds)), (2, 8))
        self.assertEqual(feeds.notes, [f"2 of 2 feeds are degraded, first that of u00003: {said.partition(': ')[2]}"])
        self.assertEqual(repr(feeds).splitlines(), ["<Feeds of 2 users, 8 rows>", "note: " + feeds.notes[0]])
        feeds = project.recommend(users=["u00003", "u00001"], n=4, progress=False)
        self.assertEqual((feeds.degraded, feeds.notes, repr(feeds)), (0, [], "<Feeds of 2 users, 8 rows>"))

    def test_a_user_who_is_named_twice_has_one_feed(self):
        feeds = self.project.recommend(users=["u00003", "u00001", "u00003"], n=4, progress=False)
        self.assertEqual(list(feeds.user), ["u00003"] * 4 + ["u00001"] * 4)
        self.assertEqual(feeds["u00003"], self.project.recommend("u00003", n=4).ids)

    def test_feeds_are_read_by_others_without_a_copy(self):
        import pandas
        import polars
        import pyarrow
        feeds = self.project.recommend(users=["u00003", "u00001"], n=4, progress=False)
        expected = {"user": ["u00003"] * 4 + ["u00001"] * 4, "item": feeds.item.tolist(), "rank": [1, 2, 3, 4] * 2,
                    "score": feeds.score.tolist()}
        table, batch = pyarrow.table(feeds), pyarrow.record_batch(feeds)
        scores = batch.column("score").buffers()[1].address
        self.assertEqual(scores, feeds.score.__array_interface__["data"][0])
        frame = polars.DataFrame(feeds)
        del feeds
        gc.collect()
        self.assertEqual(table.to_pydict(), expected)
        self.assertEqual(batch.to_pydict(), expected)
        self.assertEqual({name: values.to_list() for name, values in frame.cast({"user": polars.String, "item": polars.String})
                         .to_dict().items()}, expected)
        self.assertEqual(table.to_pandas()["user"].tolist(), expected["user"])
        self.assertTrue(issubclass(pandas.DataFrame, type(self.project.recommend(users=["u00001"], progress=False).to_frame())))

    def test_capsules_that_nobody_takes_are_released(self):
        from upnext import _arrow
        feeds = self.project.recommend(users=["u00001"], n=3, progress=False)
        gc.collect()
        _arrow.free_unused()
        before = len(_arrow._capsuled)
        for _ in range(3):  # each frees what the one before left
            capsules = feeds.__arrow_c_array__(), feeds.__arrow_c_stream__()
            self.assertEqual(len(_arrow._capsuled), before + 3)
            del capsules
        _arrow.free_unused()
        self.assertEqual(len(_arrow._capsuled), before)

    def test_a_stream_may_be_freed_while_an_exception_is_under_way(self):
        import pyarrow
        feeds = self.project.recommend(users=["u00001"], n=3, progress=False)
        with self.assertRaises(ValueError):
            pyarrow.table(feeds, schema=pyarrow.schema([("other", "string")]))

    def test_options_reach_the_feed(self):
        whole = self.project.recommend("u00042", n=10)
        self.assertEqual(self.project.recommend("u00042", n=5, offset=5).ids, whole.ids[5:])
        self.assertNotIn(whole.ids[0], self.project.recommend("u00042", n=10, exclude=[whole.ids[0]]).ids)
        filtered = self.project.recommend("u00042", n=5, filter="item.duration < $most", parameters={"most": 120})
        self.assertNotEqual(filtered.ids, whole.ids[:5])
        long_first = self.project.recommend("u00042", n=5, boost="if(item.duration >= 120, 1000, 1)")
        self.assertFalse(set(filtered.ids) & set(long_first.ids))

    def test_a_session_changes_its_feed(self):
        none, some = self.project.recommend(session=[], n=10), self.project.recommend(session=["v00042", "v00043"], n=10)
        self.assertNotEqual(none.ids, some.ids)
        self.assertNotIn("v00042", some.ids)
        typed = self.project.recommend(session=[{"item": item, "type": "watch", "value": 100} for item in ("v00042", "v00043")], n=10)
        self.assertEqual(len(typed), 10)
        self.assertNotIn("v00043", typed.ids)

    def test_mistakes_say_what_is_wrong(self):
        with self.assertRaisesRegex(upnext.InvalidArgument, "item.pric") as caught:
            self.project.recommend("u00042", filter="item.pric < 3")
        self.assertIsInstance(caught.exception, ValueError)
        self.assertEqual(caught.exception.code, "invalid_argument")
        with self.assertRaisesRegex(upnext.InvalidArgument, "found user, users"):
            self.project.recommend("u1", users=["u2"])
        with self.assertRaisesRegex(upnext.InvalidArgument, "found none"):
            self.project.recommend()
        with self.assertRaises(LookupError):
            self.project.similar("no such item")
        with self.assertRaisesRegex(upnext.InvalidArgument, "both"):
            upnext.Project("a.toml", retrieval={})
        with self.assertRaisesRegex(upnext.InvalidArgument, "a/b"):
            upnext.Project(name="a/b")
        with self.assertRaisesRegex(upnext.InvalidArgument, "split: expected a table"):
            upnext.Project(name="a", split="time")
        with self.assertRaisesRegex(upnext.InvalidArgument, "epoch"):
            small_site.project("wrong", retrieval={"epoch": 3}).train(progress=False)
        with self.assertRaisesRegex(upnext.NotFound, "import"):
            small_site.project("empty").train(progress=False)

    def test_similar_items(self):
        said = json.loads(command_line("similar", "--item", "v00042", "-n", "5", "--json"))
        self.assertEqual(self.project.similar("v00042", n=5).ids, [item["item"] for item in said["items"]])

    def test_vectors_explain_the_candidates(self):
        items, users = self.project.item_vectors(), self.project.user_vectors(["u00042"])
        self.assertEqual((items.vectors.shape[1], users.vectors.shape), (items.dim, (1, items.dim)))
        candidates = self.project.recommend("u00042", n=400, explain=True, stage="retrieval")
        scores = {item.id: source["score"] for item in candidates for source in item.json["sources"]
                  if source["source"] == "candidate-model" and item.id in items}
        self.assertTrue(scores)
        for item, score in scores.items():
            self.assertAlmostEqual(float(items[item] @ users["u00042"]), score, places=3)

    def test_views_keep_their_memory_and_cannot_be_written(self):
        project = small_site.project("short-lived")
        project.import_events(progress=False)
        project.train(only="retrieval", progress=False)
        vectors = project.item_vectors()
        view, copy, table = vectors.vectors[3:], vectors.vectors[3:].copy(), weakref.ref(vectors._table)
        del vectors, project
        gc.collect()
        self.assertIsNotNone(table())
        numpy.testing.assert_array_equal(view, copy)
        with self.assertRaises(ValueError):
            view[0, 0] = 1.0
        del view
        gc.collect()
        self.assertIsNone(table())


if __name__ == "__main__":
    unittest.main()
