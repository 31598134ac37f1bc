"""What models are worth, measured on held-out days, next to simple baselines."""
from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Union

from ._tables import Grid, frame_of_rows, notes_html


class Metric(NamedTuple):
    """A figure of a model: `low` and `high` are the ends of its 95 % interval over users, None where it has none."""

    stage: str
    model: str
    metric: str
    value: float
    low: Optional[float]
    high: Optional[float]


_VALUES = ("clicks", "watch_s", "satisfaction")
_STAGES = {"retrieval": ("model", "served", "ranked_feed", "baselines"), "ranking": ("model", "baselines")}


class Evaluation:
    """The report of an evaluation.

    Printing it, or ending a cell of a notebook with it, shows the main figures. The stage `retrieval` ranks all items for each user
    and counts what the user chose afterwards; the stage `ranking` predicts what users did with what they were shown. The guide on
    metrics says what each figure means.

    >>> evaluation = project.evaluate()
    >>> ours, popular = (evaluation.value("ndcg@10", model) for model in ("candidate model", "popularity"))
    >>> 0 <= popular <= ours <= 1
    True
    """

    def __init__(self, json: Dict[str, Any]) -> None:
        self.json = json
        """The whole report, as `upnext evaluate --json` prints it."""
        self.html: str = json.pop("html", "")
        """A page with all tables and plots, empty for the report of a training."""

    @property
    def notes(self) -> List[str]:
        """What a reader of the figures must know, such as a baseline that is better."""
        return list(self.json.get("notes", []))

    @property
    def true_value(self) -> Optional[Grid]:
        """What feeds are truly worth for the users of a simulated site, a slate on average; None without `world`.

        `json["true_value"]` also has the error of each figure.
        """
        found = self.json.get("true_value")
        if found is None:
            return None
        rows = [[policy, *[figures[name]["mean"] for name in _VALUES]] for policy, figures in found["policies"].items()]
        return Grid(f"true value a slate, days {found['from_day']} to {found['to_day']}", ["policy", *_VALUES], rows)

    @property
    def split(self) -> str:
        """How the log was cut."""
        return str(self.json.get("split", ""))

    @property
    def metrics(self) -> List[Metric]:
        """Every figure of every model, with its interval."""
        return list(self._metrics())

    def _metrics(self) -> Iterator[Metric]:
        for stage, places in _STAGES.items():
            report = self.json.get("intervals", {}).get(stage, {})
            for place in places:
                found = report.get(place)
                for model in found if isinstance(found, list) else [found] if found else []:
                    for metric, (value, low, high) in model["figures"].items():
                        yield Metric(stage, model["name"], metric, value, low, high)

    def value(self, metric: str, model: Optional[str] = None) -> float:
        """A figure, of our model unless another is named.

        KeyError names the figures and models that there are.
        """
        found = [m for m in self._metrics() if m.metric == metric and model in (None, m.model)]
        if not found:
            raise KeyError(f"no {metric!r} of {model or 'a model'}; there are the figures {sorted({m.metric for m in self._metrics()})} "
                           f"of {list(dict.fromkeys(m.model for m in self._metrics()))}")
        return found[0].value

    @property
    def tables(self) -> List[Grid]:
        """The main figures as tables for people: title, columns, rows."""
        value = self.true_value
        return [*(self._grid(stage) for stage in _STAGES if self.json.get(stage)), *([] if value is None else [value])]

    def _grid(self, stage: str) -> Grid:
        main = self.json[stage]
        shown = [name for name in main if isinstance(main[name], (int, float)) and not isinstance(main[name], bool)]
        shown += [f"auc.{name}" for name in main.get("auc", {})]
        figures: Dict[str, Dict[str, Metric]] = {}
        for metric in self._metrics():
            if metric.stage == stage:
                figures.setdefault(metric.model, {})[metric.metric] = metric
        users = self.json.get("users", {}).get(stage)
        rows = [[model, *[_with_interval(of.get(name)) for name in shown]] for model, of in figures.items()]
        title = f"{stage}: {users:,} users" if users is not None else stage
        network = self.json.get("candidate_model", {}).get("network") if stage == "retrieval" else None
        return Grid(f"{title}; {network} (ONNX)" if network else title, ["model", *shown], rows)

    def __repr__(self) -> str:
        return "\n\n".join([*(str(table) for table in self.tables), *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables) + notes_html(self.notes)

    def to_frame(self, intervals: bool = False) -> Any:
        """A row for each stage and model and a column for each figure; with `intervals`, a row for each figure with `low` and `high`.

        A data frame of pandas, or of Polars where only that is installed.
        """
        metrics = self.metrics
        if intervals:
            return frame_of_rows(Metric._fields, metrics)
        names = list(dict.fromkeys(m.metric for m in metrics))
        rows: Dict[Any, Dict[str, float]] = {}
        for m in metrics:
            rows.setdefault((m.stage, m.model), {})[m.metric] = m.value
        return frame_of_rows(["stage", "model", *names],
                             [[*key, *[of.get(name) for name in names]] for key, of in rows.items()])

    def write_html(self, path: Union[str, os.PathLike]) -> None:
        """Writes the page with all tables and plots."""
        if not self.html:
            raise ValueError("the report of a training has no page; Project.evaluate makes one")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.html)


def _with_interval(metric: Optional[Metric]) -> Optional[Union[str, float]]:
    if metric is None:
        return None
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4f}"
    return f"{metric.value:.4f} ±{(metric.high - metric.low) / 2:.4f}"
