"""docs/tutorials/python.md as a reader follows it: its blocks run in order, and print what follows them."""
import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cases"))
import re  # noqa: E402

from tutorials import BLOCK, pattern_of  # noqa: E402


class Tutorial(unittest.TestCase):
    def test_every_block_prints_what_the_page_says(self):
        blocks = [(kind, text) for kind, _, text in BLOCK.findall((ROOT / "docs/tutorials/python.md").read_text(encoding="utf-8"))]
        names, printed, here = {}, "", os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                for kind, text in blocks:
                    if kind == "python":
                        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
                            exec(compile(text, "python.md", "exec"), names)
                        printed = out.getvalue()
                    elif kind == "text":
                        self.check(text, printed)
            finally:
                os.chdir(here)

    def check(self, expected, printed):
        at = 0
        for line in filter(str.strip, expected.splitlines()):
            found = re.compile(pattern_of(line)).search(printed, at)
            self.assertTrue(found, f"expected the line\n{line}\nin\n{printed}")
            at = found.end()


if __name__ == "__main__":
    unittest.main()
