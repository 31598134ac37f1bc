"""Studies: experiments on simulated worlds, over several seeds, whose results are compared with the truth."""
from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Union

from . import _call
from ._progress import Show
from ._tables import Grid, frame_of_rows


class StudyReport:
    """What a study found: the figures of each arm with their means and 95 % intervals over seeds."""

    def __init__(self, json: Dict[str, Any]) -> None:
        self.html: str = json.pop("html", "")
        """A page with tables and plots."""
        self.json = json
        """The whole report with the values of every seed, as `upnext study --json` prints it."""
        self.question: str = json["question"]
        self.verdict: Any = json.get("verdict")
        """The answer, as far as these seeds can give it."""

    def _rows(self) -> List[List[Any]]:
        return [[arm, name, figure["mean"], figure["low"], figure["high"]]
                for arm, figures in self.json["arms"].items() for name, figure in figures.items()]

    def to_frame(self) -> Any:
        """A row for each figure of each arm, as a data frame of pandas (or of Polars where only that is installed)."""
        return frame_of_rows(["arm", "figure", "mean", "low", "high"], self._rows())

    def _grid(self) -> Grid:
        return Grid(f"{self.question} ({self.json['seeds']} seeds)", ["arm", "figure", "mean", "low", "high"], self._rows())

    def __repr__(self) -> str:
        return str(self._grid()) + (f"\n{self.verdict}" if self.verdict else "")

    def _repr_html_(self) -> str:
        import html
        return self._grid().html() + (f"<p>{html.escape(str(self.verdict))}</p>" if self.verdict else "")


class Study:
    """A study by its name; `studies()` lists them.

    >>> report = upnext.Study("next-watch").run(seeds=2, scale="tiny", progress=False)
    >>> report.question
    'Do labels that predict the next watch beat labels held out at random?'
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *, seeds: int = 10, first_seed: int = 1, scale: str = "full", threads: Optional[int] = None,
            scratch: Union[str, os.PathLike, None] = None, progress: Show = True) -> StudyReport:
        """Makes `seeds` worlds, trains on each, and compares; `scale="tiny"` takes seconds, for a quick look."""
        request = {"name": self.name, "seeds": seeds, "first_seed": first_seed, "scale": scale, "threads": threads,
                   "scratch": None if scratch is None else os.path.abspath(scratch), "html": True}
        return StudyReport(_call.run(None, "study", request, progress).result)


def studies() -> Dict[str, str]:
    """The names of the studies with their questions.

    >>> "position-bias" in upnext.studies()
    True
    """
    listed = _call.run(None, "studies", {}).result
    return {study["name"]: study["question"] for study in listed["studies"]}
