"""Arguments that are nearly right: taken as they are meant, or refused by an error of the package that says what is wrong."""
import os
import threading
import unittest

import numpy
import small_site
import upnext


class Arguments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.project = small_site.trained()

    def test_a_text_is_no_list_of_names(self):
        for call in (lambda: self.project.recommend(users="u00042"), lambda: self.project.recommend("u00042", exclude="v00001"),
                     lambda: self.project.recommend(session="v00042"), lambda: self.project.user_vectors("u00042")):
            with self.assertRaisesRegex(upnext.InvalidArgument, "expected a list, found the text"):
                call()
        with self.assertRaisesRegex(upnext.InvalidArgument, "found None"):
            self.project.recommend(users=[None])

    def test_numbers_of_numpy_are_numbers(self):
        self.assertEqual(len(self.project.recommend("u00042", n=numpy.int64(3))), 3)
        few = self.project.recommend("u00042", n=3, filter="item.duration < $d", parameters={"d": numpy.float32(300)})
        self.assertEqual(len(few), 3)
        for wrong in (float("nan"), object()):
            with self.assertRaisesRegex(upnext.InvalidArgument, "cannot be written"):
                self.project.recommend("u00042", filter="item.duration < $d", parameters={"d": wrong})

    def test_columns_have_one_dimension_and_what_is_masked_is_missing(self):
        rows = {"user": ["u"] * 2, "item": ["a", "b"], "time": [1767225600, 1767225601], "type": ["watch"] * 2}
        project = upnext.Project(name="arguments", directory=small_site.FOLDER / "arguments")
        with self.assertRaisesRegex(upnext.InvalidArgument, "one dimension"):
            project.import_events({**rows, "value": numpy.array([[1, 2], [3, 4]])}, progress=False)
        with self.assertRaisesRegex(upnext.InvalidArgument, "no columns"):
            project.import_events({}, progress=False)
        masked = numpy.ma.masked_array([10.0, 20.0], mask=[False, True])
        made = project.import_events({**rows, "value": masked}, max_rejects=1.0, progress=False)
        self.assertEqual(made.events, 1)  # a watch needs a value

    def test_an_import_in_a_forked_process_is_refused_though_another_thread_imports(self):
        project = upnext.Project(name="forked", directory=small_site.FOLDER / "forked")
        with project._importing:  # as another thread would have it
            child = os.fork()
            if child == 0:
                threading.Timer(20, os._exit, [2]).start()
                try:
                    project.import_events({"user": ["u"]}, progress=False)
                except upnext.FailedPrecondition:
                    os._exit(0)
                os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
