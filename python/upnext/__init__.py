"""upnext: a recommender engine, from event log to ranked feed.

    import upnext

    project = upnext.Project(name="shop")
    project.import_events(events)                   # a data frame: user, item, time, type, value
    project.train()
    project.recommend("u7", n=10)
    with project.server(port=8080) as server:       # the HTTP API
        ...

The guide `docs/guides/python.md` shows all of it. What is computed is the same as by the command line, `python -m upnext`.
"""
from . import examples
from ._library import library as _c
from ._progress import Progress
from .errors import (Aborted, AlreadyExists, Cancelled, DataLoss, Error, FailedPrecondition, Internal, InvalidArgument, NotFound,
                     PermissionDenied, ResourceExhausted, Unavailable)
from .evaluation import Evaluation, Metric
from .project import Project
from .reports import Imported, Training
from .server import Server
from .simulate import Simulated, Simulator
from .slates import Feeds, Item, Slate
from .study import Study, StudyReport, studies
from .vectors import Vectors

__version__ = _c.upnext_version().decode()

__all__ = ["Project", "Imported", "Training", "Evaluation", "Metric", "Slate", "Item", "Feeds", "Vectors", "Server", "Simulator",
           "Simulated", "Study", "StudyReport", "studies", "examples", "Progress", "Error", "Cancelled", "InvalidArgument", "NotFound",
           "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "Internal", "Unavailable",
           "DataLoss", "__version__"]
