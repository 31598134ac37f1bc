"""The package as it is installed: the command line, examples for other programs, simulations, studies, documentation."""
import doctest
import importlib
import os
import pathlib
import pkgutil
import subprocess
import sys
import types
import unittest
import unittest.mock

import numpy
import small_site
import upnext
from upnext import examples

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_tests(loader, tests, pattern):
    """Adds the examples in the docstrings of all modules."""
    def set_up(test):
        os.chdir(small_site.FOLDER)
        test.globs.update(upnext=upnext, project=small_site.trained())

    for module in pkgutil.iter_modules(upnext.__path__):
        if module.name not in ("__main__", "torch", "_child"):
            tests.addTests(doctest.DocTestSuite(f"upnext.{module.name}", setUp=set_up, optionflags=doctest.NORMALIZE_WHITESPACE))
    return tests


class Package(unittest.TestCase):
    def test_the_command_line_is_that_of_the_package(self):
        said = subprocess.run([sys.executable, "-m", "upnext", "--version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said.strip(), upnext.__version__)
        if not os.environ.get("UPNEXT_BUILD"):
            script = pathlib.Path(sys.executable).with_name("upnext")
            self.assertEqual(subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout, said)

    def test_versions_agree(self):
        self.assertIn(f'version = "{upnext.__version__}"', (ROOT / "pyproject.toml").read_text())

    def test_every_public_name_is_documented(self):
        for name in upnext.__all__:
            self.assertTrue(name == "__version__" or getattr(upnext, name).__doc__, name)
        for kind in (upnext.Project, upnext.Evaluation, upnext.Feeds, upnext.Slate, upnext.Vectors, upnext.Server, upnext.Simulator):
            for name, member in vars(kind).items():
                if name[0] != "_" and callable(member):
                    self.assertTrue(member.__doc__, f"{kind.__name__}.{name}")

    def test_studies_and_simulations(self):
        self.assertIn("next-watch", upnext.studies())
        with self.assertRaisesRegex(upnext.Error, "next-watch"):
            upnext.Study("next-wach").run(seeds=1, scale="tiny", progress=False)
        shop = upnext.Simulator("shop", users=100, days=3).write(small_site.FOLDER / "shop", progress=False)
        self.assertTrue((shop.folder / "products.csv").exists())
        self.assertIn(f"{shop.events:,} events", repr(shop))


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = small_site.trained().export_examples(small_site.FOLDER / "examples.parquet", progress=False)

    def test_batches_have_every_row_once(self):
        import pyarrow.parquet
        table = pyarrow.parquet.read_table(self.file, filters=[("part", "==", "train")])
        batches = list(examples.Batches(self.file, part="train", batch_size=700))
        self.assertEqual([len(batch["label.click"]) for batch in batches[:-1]], [700] * (len(batches) - 1))
        clicks = numpy.concatenate([batch["label.click"] for batch in batches])
        numpy.testing.assert_array_equal(clicks, table["label.click"].to_numpy())
        ids = numpy.concatenate([batch["query.watched_items"] for batch in batches])
        self.assertEqual(ids.tolist(), [i for row in table["query.watched_items"].to_pylist() for i in row or ()])

    def test_lists_are_read_by_their_offsets(self):
        batch = next(iter(examples.Batches(self.file, batch_size=500, columns=["query.watched_items", "user"])))
        rows = numpy.split(batch["query.watched_items"], batch["query.watched_items.offsets"][1:])
        import pyarrow.parquet
        expected = pyarrow.parquet.read_table(self.file)["query.watched_items"].to_pylist()[:500]
        self.assertEqual([row.tolist() for row in rows], [row or [] for row in expected])
        self.assertEqual(batch["user"].dtype, object)

    def test_mixed_passes_differ_and_follow_from_the_seed(self):
        def order(seed):
            batches = examples.Batches(self.file, columns=["impression.item"], shuffle=5000, seed=seed)
            return [numpy.concatenate([batch["impression.item"] for batch in batches]).tolist() for _ in range(2)]
        first, second = order(1)
        self.assertEqual([first, second], order(1))
        self.assertNotEqual(first, second)
        self.assertEqual(sorted(first), sorted(second))

    def test_readers_share_the_batches(self):
        whole = [len(batch["part"]) for batch in examples.Batches(self.file, columns=["part"], batch_size=300)]
        shares = [[len(batch["part"]) for batch in examples.Batches(self.file, columns=["part"], batch_size=300).shard(i, 3)]
                  for i in range(3)]
        self.assertEqual(sorted(sum(shares, [])), sorted(whole))

    def test_workers_that_are_made_anew_mix_every_epoch_in_another_way(self):
        def epoch(base_seed, count=3):
            """One of a DataLoader whose workers have a copy each."""
            found = []
            for i in range(count):
                worker = types.SimpleNamespace(id=i, num_workers=count, seed=base_seed + i)
                with unittest.mock.patch.object(module, "get_worker_info", lambda: worker):
                    found += [batch["impression.item"].tolist() for batch in module.dataset(
                        self.file, columns=["impression.item"], batch_size=300, shuffle=5000)]
            return found

        data = types.SimpleNamespace(IterableDataset=object, get_worker_info=None)
        torch = types.SimpleNamespace(from_numpy=lambda values: values, utils=types.SimpleNamespace(data=data))
        with unittest.mock.patch.dict(sys.modules, {"torch": torch, "torch.utils": torch.utils, "torch.utils.data": data}):
            module = importlib.import_module("upnext.torch")
        first, second = epoch(2 ** 62), epoch(2 ** 61)
        self.assertEqual(first, epoch(2 ** 62))
        self.assertNotEqual(first, second)
        whole = numpy.concatenate([batch["impression.item"] for batch in examples.Batches(self.file, columns=["impression.item"])])
        for batches in (first, second):
            self.assertEqual(sorted(sum(batches, [])), sorted(whole.tolist()))

    def test_sizes_are_those_of_vocabularies_and_not_of_the_ids_of_the_file(self):
        project, some, few = small_site.trained(), small_site.FOLDER / "some.parquet", small_site.FOLDER / "few.parquet"
        for stage, column in (("ranking", "impression.item"), ("retrieval", "label")):
            project.export_examples(some, stage=stage, progress=False)
            batches = examples.Batches(some)
            for batch in batches:
                for name, size in batches.sizes.items():
                    self.assertLess(batch[name].max(initial=0), size, name)
            project.export_examples(few, stage=stage, part="test", limit=1, progress=False)
            self.assertEqual(examples.Batches(few).sizes, batches.sizes)
            self.assertEqual(examples.Batches(few, columns=[column, "part"]).sizes, {column: batches.sizes[column]})

    def test_a_file_without_sizes_says_so(self):
        import pyarrow.parquet
        other = small_site.FOLDER / "other.parquet"
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(self.file).replace_schema_metadata(), other)
        self.assertTrue(next(iter(examples.Batches(other))))
        with self.assertRaisesRegex(upnext.InvalidArgument, "other.parquet: expected the metadata upnext.rows"):
            examples.Batches(other).sizes  # noqa: B018

    def test_an_unknown_column_is_named(self):
        with self.assertRaisesRegex(upnext.InvalidArgument, "impression.itm"):
            examples.Batches(self.file, columns=["impression.itm"])


if __name__ == "__main__":
    unittest.main()
