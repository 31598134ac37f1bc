"""What import_events takes for a path and what for SQL."""
import os
import tempfile
import unittest

import upnext

ROW = "user,item,time,type\nu,{},1767225600,like\n"


class Paths(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        for name in ("values.csv", "a[1].csv"):
            with open(name, "w", encoding="utf-8") as file:
                file.write(ROW.format(name))
        self.number = 0

    def events(self, given, **more):
        self.number += 1
        project = upnext.Project(name=f"paths{self.number}", directory=f"paths{self.number}")
        return project.import_events(given, progress=False, **more).events

    def test_names_that_look_like_sql_or_patterns_are_paths(self):
        for given, events in (("values.csv", 1), ("a[1].csv", 1), ("*.csv", 2), ("FROM 'values.csv'", 1),
                              ("/* all */ SELECT * FROM 'values.csv'", 1), ("-- all\n(SELECT * FROM 'values.csv')", 1)):
            with self.subTest(given):
                self.assertEqual(self.events(given), events)

    def test_mistakes_are_errors_of_the_package(self):
        with self.assertRaisesRegex(upnext.NotFound, "nowhere.csv"):
            self.events("nowhere.csv")
        os.mkdir("{data}")
        os.link("values.csv", "{data}/values.csv")
        with self.assertRaisesRegex(upnext.InvalidArgument, "without {data}"):
            self.events("{data}/values.csv")
        with self.assertRaisesRegex(upnext.InvalidArgument, "other than events"):
            self.events({"user": ["u"]}, tables={"events": {"user": ["u"]}})
        with self.assertRaisesRegex(upnext.InvalidArgument, "NUL"):
            upnext.Project(name="nul", directory="a\0b")
