"""What import and training report."""
from __future__ import annotations

from typing import Any, Dict, List

from .evaluation import Evaluation


class Imported:
    """The report of an import.

    >>> one = upnext.Project(name="one", directory="one")
    >>> imported = one.import_events({"user": ["u1"], "item": ["v1"], "time": [1767225600], "type": ["like"]})
    >>> imported.events, imported.rejected["events"]
    (1, 0)
    """

    def __init__(self, json: Dict[str, Any]) -> None:
        self.json = json
        """The whole report, as `upnext import --json` prints it."""
        self.version: str = json["version"]
        """The version of the event log that was published."""
        self.events: int = json["events"]
        """Events that were added."""
        self.items: int = json["items"]
        self.users: int = json["users"]
        self.rejected: Dict[str, int] = json["rejected"]
        """Rows of each table that broke a rule; `rejects_file` lists them with the reasons."""
        self.rejects_file: str = json["rejects_file"]
        self.warnings: List[str] = json["warnings"]
        self.seconds: float = json["seconds"]

    def __repr__(self) -> str:
        bad = sum(self.rejected.values())
        return "\n".join([f"event log {self.version}: {self.events:,} events, {self.items:,} items, {self.users:,} users"
                          + (f"; {bad:,} rows rejected, listed in {self.rejects_file}" if bad else ""),
                          *(f"warning: {warning}" for warning in self.warnings)])


class Training:
    """The report of a training.

    Models that are clearly worse than the current ones are not published: then `published` is false, and `gate` says what they
    were compared on.
    """

    def __init__(self, json: Dict[str, Any]) -> None:
        self.json = json
        """The whole report, as `upnext train --json` prints it."""
        bundle = json.get("bundle", {})
        self.published: bool = bundle.get("published", False)
        self.version: str = bundle.get("version", "")
        """The version of the bundle."""
        self.gate: str = bundle.get("gate", "")
        """Why it was or was not published, empty if there was nothing to compare with."""
        self.report = Evaluation(json)
        """The models on the held-out days, next to the baselines."""

    def __repr__(self) -> str:
        first = f"bundle {self.version} published" if self.published else "not published"
        return f"{first}{': ' + self.gate if self.gate else ''}\n\n{self.report!r}"

    def _repr_html_(self) -> str:
        import html
        first = f"bundle {self.version} published" if self.published else "not published"
        return f"<p>{html.escape(first)}{html.escape(': ' + self.gate) if self.gate else ''}</p>{self.report._repr_html_()}"
