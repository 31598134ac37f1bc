"""Events enter from data frames, Arrow, Parquet, Python and SQL, as they would from a file."""
import datetime
import decimal
import gc
import os
import subprocess
import sys
import unittest
import weakref

import numpy
import small_site
import upnext
from upnext import _arrow, _columns, _inputs

ROWS = 300

# pyarrow frees arrays and streams when it has set an exception.
UNDER_WAY = """
import sys
sys.path.append(sys.argv[1])
import pyarrow
from test_imports import Given
for call in (lambda: pyarrow.concat_tables([pyarrow.table(Given([1.5, None])), pyarrow.table(Given([["a"], ["b", "a"]]))]),
             lambda: pyarrow.table(Given([1.5]), schema=pyarrow.schema([("other", "string")]))):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)
"""


def columns():
    """A log of simple columns: 20 users, 15 items, texts with characters beyond ASCII, times in seconds."""
    row = numpy.arange(ROWS)
    return {"user": [f"ü{i % 20}" for i in row], "item": [f"v{(i * 7) % 15}" for i in row],
            "time": (1_767_225_600 + 60 * row).astype(numpy.int64), "type": ["watch"] * ROWS,
            "value": (row % 50 + 30).astype(numpy.float64)}


class Given:
    """A column as pyarrow takes it."""

    def __init__(self, values):
        self.values = values

    def __arrow_c_stream__(self, requested_schema=None):
        return _columns.stream_of_columns({"column": self.values})


class Imports(unittest.TestCase):
    number = 0

    def setUp(self):
        Imports.number += 1
        self.project = upnext.Project(name=f"import{self.number}", directory=small_site.FOLDER / f"import{self.number}")

    def log(self):
        return next(part for part in self.project.inspect() if part["kind"] == "event log")

    def check(self, events, **more):
        made = self.project.import_events(events, progress=False, **more)
        self.assertEqual((made.events, made.users, made.items, made.version), (ROWS, 20, 15, "v000001"))
        return self.log()["digest"]

    def test_every_source_gives_the_same_log(self):
        import pandas
        import polars
        import pyarrow
        import pyarrow.parquet
        frame = pandas.DataFrame(columns())
        path = small_site.FOLDER / "some events.parquet"
        pyarrow.parquet.write_table(pyarrow.table(columns()), path)
        sources = {
            "dict": columns(), "pandas": frame, "pandas, index": frame.set_index(numpy.arange(ROWS) * 3),
            "pandas, category": frame.astype({"user": "category", "item": "category"}),
            "polars": polars.DataFrame(columns()), "polars, lazy": polars.DataFrame(columns()).lazy(),
            "arrow": pyarrow.table(columns()), "arrow, reader": pyarrow.table(columns()).to_reader(max_chunksize=7),
            "path": path, "path as text": str(path), "glob": str(path.with_name("some*.parquet")),
            "sql": f"SELECT * FROM read_parquet('{path}')",
            "lists": {name: list(values) for name, values in columns().items()},
        }
        digests = {}
        for name, source in sources.items():
            with self.subTest(name):
                self.setUp()
                digests[name] = self.check(source)
        self.assertEqual(len(set(digests.values())), 1, digests)

    def test_times_of_every_resolution_are_the_same_times(self):
        seconds = self.check(columns())
        for unit in ("s", "ms", "us", "ns"):
            with self.subTest(unit):
                self.setUp()
                times = columns()["time"].astype("datetime64[s]").astype(f"datetime64[{unit}]")
                self.assertEqual(self.check({**columns(), "time": times}), seconds)
        with self.subTest("datetime"):
            self.setUp()
            self.assertEqual(self.check({**columns(), "time": [datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=i)
                                                               for i in range(ROWS)]}), seconds)
        import pandas
        with self.subTest("pandas with a zone"):
            self.setUp()
            zoned = pandas.to_datetime(columns()["time"], unit="s", utc=True).tz_convert("Asia/Tokyo")
            self.assertEqual(self.check(pandas.DataFrame({**columns(), "time": zoned})), seconds)

    def test_lists_and_missing_values(self):
        items = {"item": [f"v{i}" for i in range(15)], "title": [None if i % 3 else f"title {i}" for i in range(15)],
                 "topics": [["a", "b"][:i % 3] for i in range(15)], "duration": [float(i) if i % 2 else None for i in range(15)]}
        self.check(columns(), items=items)
        self.assertEqual(self.log()["ids"]["topics"], 2)

    def test_columns_are_handed_over_as_they_are(self):
        import pyarrow
        when = datetime.datetime(2026, 1, 1)
        given = {"text": ["a", None, "ü", "a"], "whole": [1, 2, 3, 4], "number": [1.5, None, float("nan"), 2.0],
                 "flag": [True, False, True, True], "list": [["a"], None, [], ["b", "a"]], "numbers": [[1.0], [], None, [2.0, 3.0]],
                 "time": [when, None, when, when], "array": numpy.arange(8, dtype=numpy.int16)[::2], "none": [None] * 4}

        class Stream:
            def __arrow_c_stream__(self, requested_schema=None):
                return _columns.stream_of_columns(given)

        expected = {**given, "number": [1.5, None, None, 2.0], "array": [0, 2, 4, 6]}
        self.assertEqual(pyarrow.table(Stream()).to_pydict(), expected)

    def given(self, values):
        """What pyarrow gets of a column."""
        import pyarrow
        return pyarrow.table(Given(values))["column"].to_pylist()

    def test_booleans_may_be_missing_and_of_numpy(self):
        self.assertEqual(self.given([True, None, False]), [True, None, False])
        self.assertEqual(self.given([None, numpy.bool_(True), float("nan"), False]), [None, True, None, False])
        self.assertEqual(self.given([[numpy.bool_(True)], [False]]), [[True], [False]])
        with self.assertRaisesRegex(upnext.InvalidArgument, 'column "column": expected true or false in every row, found 2 in row 2'):
            self.given([True, 2])

    def test_whole_numbers_are_exact_where_some_are_missing(self):
        for values in ([2**60 + 1, None, -1], [None, 2**64 - 1, 0], [numpy.uint64(2**64 - 1), numpy.int8(3)], [[2**60 + 1, None], [3]]):
            for given in (values, numpy.array([*values, None], object)[:-1]):
                with self.subTest(given):
                    self.assertEqual(repr(self.given(given)), repr([one if isinstance(one, list) or one is None else int(one)
                                                                    for one in values]))
        self.assertEqual(self.given(numpy.ma.masked_array([2**60 + 1, 2], [False, True])), [2**60 + 1, None])
        for values in ([2**64, None], [-1, 2**63], [-2**63 - 1]):
            with self.subTest(values), self.assertRaisesRegex(upnext.InvalidArgument, 'column "column": expected whole numbers .* from -?\\d+ to'):
                self.given(values)

    def test_a_column_has_one_kind_of_values(self):
        when = datetime.datetime(2026, 1, 1)
        for values, said in (([1.5, "2"], "a number in every row, found '2' in row 2"), ([None, 1, True], "a number .* True in row 3"),
                             (["a", "b", 3], "a text in every row, found 3 in row 3"), (["a", ["b"]], r"a text .* \['b'\] in row 2"),
                             (["a", numpy.array([numpy.nan])], "a text in every row, found array"),
                             ([numpy.timedelta64(5, "s")], "numbers, times, texts or lists of them, found .*timedelta64"), ([1, numpy.timedelta64(5, "s")], "a number .* in row 2"),
                             ([7, None, 2**65], "found some from 7 to"),
                             ([["a"], "b"], "a list in every row, found 'b' in row 2"), ([None, b"a"], "found b'a' in row 2"),
                             ([["a"], [], None, ["b", 3]], "a text in every row, found 3 in row 4"),
                             ([[["a"], ["b"]], [["c", 1]]], "found 1 in row 2"), ([when, "2026"], "a time .* '2026' in row 2"),
                             (["a", "b", "\ud800"], r"Unicode, found '\\ud800' in row 3"),
                             ([["a"], ["b", "\ud800"]], r"Unicode, found '\\ud800' in row 2")):
            for given in (values, numpy.array([*values, None], object)[:-1]):
                with self.subTest(given), self.assertRaisesRegex(upnext.InvalidArgument, f'^column "column": expected .*{said}'):
                    self.given(given)
        self.assertEqual(self.given([decimal.Decimal("1.5"), None, numpy.float32(2), 3]), [1.5, None, 2.0, 3.0])
        self.assertEqual(self.given([datetime.date(2026, 1, 1), None, when, numpy.datetime64(when)]), [when, None, when, when])

    def test_a_frame_of_pandas_says_where_it_is_wrong(self):
        import pandas
        for columns, said in (({"a": [1, 2, "x"]}, "column \"a\": expected a number in every row, found 'x' in row 3"),
                              ({"a": ["\ud800"]}, "column \"a\": expected texts that are Unicode, .* in row 1"),
                              ({"\ud800": [1]}, "names of columns that are Unicode")):
            frame = pandas.DataFrame(dict(enumerate(columns.values())), dtype=object)
            frame.columns = pandas.Index(columns, dtype=object)
            with self.subTest(columns), self.assertRaisesRegex(upnext.InvalidArgument, said):
                _inputs.stream_of(frame)
        with self.assertRaisesRegex(upnext.InvalidArgument, "different names, found twice: 'a'"):
            _inputs.stream_of(pandas.DataFrame([[1, 2]], columns=["a", "a"]))

    def test_names_are_unicode(self):
        for name in ("\ud800", "a\0b"):
            with self.assertRaisesRegex(upnext.InvalidArgument, "names of columns that are Unicode"):
                self.project.import_events({"user": ["u"], name: [1]}, progress=False)
        for call in (lambda: self.project.import_events("SELECT 1", tables={"\ud800": columns()}, progress=False),
                     lambda: self.project.recommend("u\ud800"), lambda: upnext.Project("\ud800.toml")):
            with self.assertRaisesRegex(upnext.InvalidArgument, r"a text that is Unicode, found .*\\ud800"):
                call()

    def test_times_of_other_steps_and_orders_of_bytes(self):
        times = numpy.array(["2026-01-01T00:00:20", "NaT", "2026-01-01T01:00:00"], "datetime64[s]")
        expected = self.given(times)
        self.assertEqual(expected[0], datetime.datetime(2026, 1, 1, 0, 0, 20))
        for form in ("datetime64[10s]", ">M8[s]", ">M8[10s]"):
            with self.subTest(form):
                self.assertEqual(self.given(times.astype(form)), expected)

    def test_data_that_was_read_is_freed_at_once(self):
        values = columns()["value"]
        alive = weakref.ref(values)
        gc.disable()
        self.addCleanup(gc.enable)
        self.check({**columns(), "value": values})
        del values
        self.assertTrue(alive() is None)

    def test_data_that_others_have_stays_until_they_let_it_go(self):
        import pyarrow
        gc.disable()
        self.addCleanup(gc.enable)
        for is_taken in (True, False):
            values = numpy.arange(1000.0)
            alive, given = weakref.ref(values), Given(values)
            table = pyarrow.table(given) if is_taken else given.__arrow_c_stream__()
            del values, given
            _arrow.free_unused()
            self.assertFalse(alive() is None)
            if is_taken:
                self.assertEqual(table["column"].to_pylist(), list(range(1000)))
            del table
            _arrow.free_unused()
            self.assertTrue(alive() is None)

    def test_data_may_be_freed_while_an_exception_is_under_way(self):
        done = subprocess.run([sys.executable, "-c", UNDER_WAY, os.path.dirname(os.path.abspath(__file__))], timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "ArrowInvalid\nValueError\n"))

    def test_tables_are_visible_to_a_select_by_name(self):
        raw = {"who": columns()["user"], "what": columns()["item"], "at": columns()["time"]}
        self.check('SELECT who AS "user", what AS item, "at" AS time, \'purchase\' AS type FROM raw', tables={"raw": raw})

    def test_tables_of_an_import_that_failed_are_not_those_of_the_next(self):
        class Broken:
            def __arrow_c_stream__(self, requested_schema=None):
                import pyarrow

                def batches():
                    yield pyarrow.record_batch({"item": ["v1"]})
                    raise OSError("no more")

                return pyarrow.RecordBatchReader.from_batches(pyarrow.schema([("item", "string")]), batches()).__arrow_c_stream__()

        raw = {"u": ["u1"], "i": ["v1"]}
        for more in ({"tables": {"raw": raw, "broken": Broken()}}, {"tables": {"raw": raw}, "max_rejects": object()}):
            with self.assertRaises((upnext.Error, TypeError)):
                self.project.import_events(columns(), progress=False, **more)
            with self.assertRaisesRegex(upnext.Error, "raw"):
                self.project.import_events('SELECT u AS "user", i AS item, 1767225600 AS time, \'like\' AS type FROM raw',
                                           max_rejects=1, progress=False)

    def test_an_append_adds(self):
        self.check(columns())
        later = {**columns(), "time": columns()["time"] + 86_400}
        made = self.project.import_events(later, append=True, progress=False)
        self.assertEqual((made.events, made.version, made.json["log_events"]), (ROWS, "v000002", 2 * ROWS))

    def test_mistakes_say_what_is_wrong(self):
        with self.assertRaisesRegex(upnext.InvalidArgument, "itm"):
            self.project.import_events({"user": ["a"], "itm": ["b"], "time": [1_767_225_600]}, progress=False)
        with self.assertRaisesRegex(upnext.InvalidArgument, "same length"):
            self.project.import_events({"user": ["a"], "item": ["b", "c"], "time": [1]}, progress=False)
        with self.assertRaisesRegex(upnext.NotFound, "missing.csv"):
            self.project.import_events("missing.csv", progress=False)
        with self.assertRaisesRegex(upnext.InvalidArgument, "ends with"):
            self.project.import_events("events.xls", progress=False)
        with self.assertRaisesRegex(upnext.InvalidArgument, "found int"):
            self.project.import_events(3, progress=False)
        with self.assertRaisesRegex(upnext.InvalidArgument, 'column "user"'):
            self.project.import_events({"user": [b"a"], "item": ["b"], "time": [1]}, progress=False)
        for column, values in {"price": [1, "a"], "title": ["a", "\ud800"], "topics": [["a"], ["\ud800"]]}.items():
            with self.assertRaisesRegex(upnext.InvalidArgument, f'column "{column}"'):
                self.project.import_events(columns(), items={"item": ["v1", "v2"], column: values}, progress=False)
        with self.assertRaises(ValueError):  # too many rejected rows
            self.project.import_events({"user": ["a", ""], "item": ["b", ""], "time": [1_767_225_600] * 2}, progress=False)

    def test_columns_without_pyarrow(self):
        import unittest.mock

        import pandas
        frame = pandas.DataFrame(columns())
        frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True)
        with unittest.mock.patch.dict(sys.modules, {"pyarrow": None}):
            without = self.check(frame)
        self.setUp()
        self.assertEqual(self.check(columns()), without)


if __name__ == "__main__":
    unittest.main()
