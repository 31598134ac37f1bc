"""A small simulated site and a project that is trained on it, made once for all tests, in a folder of their own."""
import functools
import os
import pathlib
import tempfile

import upnext

_folder = tempfile.TemporaryDirectory(prefix="upnext-python-")
FOLDER = pathlib.Path(_folder.name)

IMPORT = {
    "events": 'SELECT "user", item, time, type, value, query, request, position, device, region FROM read_parquet(\'{data}/events.parquet\')',
    "items": "SELECT item, created, duration, channel, topics, language, title FROM read_parquet('{data}/items.parquet')",
    "users": 'SELECT "user", region, language, age, gender FROM read_parquet(\'{data}/users.parquet\')',
}
TABLES = {
    "split": {"kind": "time", "validation_days": 1, "test_days": 2},
    "retrieval": {"epochs": 4, "dim": 16},
    "ranking": {"epochs": 1, "objective": [{"name": "watch", "label": "watch_seconds", "cap": 900, "score_weight": 1.0},
                                           {"name": "click", "label": "click"}]},
}


@functools.lru_cache(maxsize=None)
def data():
    """The folder of its Parquet files."""
    os.chdir(FOLDER)
    return upnext.Simulator(users=250, items=400, days=12).write(FOLDER / "data", progress=False).folder


def project(name, **more):
    """A project that is not imported yet."""
    return upnext.Project(name=name, data=data(), directory=FOLDER / name, import_=IMPORT, **{**TABLES, **more})


@functools.lru_cache(maxsize=None)
def trained():
    """The project that most tests read from."""
    made = project("trained")
    made.import_events(progress=False)
    made.train(progress=False)
    return made
