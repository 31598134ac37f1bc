"""Results as text, as HTML, and as data frames."""
from __future__ import annotations

import html
from typing import Any, List, Mapping, NamedTuple, Sequence


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


class Grid(NamedTuple):
    """A table for people: a title, the names of the columns, and rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def _is_number(self, column: int) -> bool:
        return all(row[column] is None or isinstance(row[column], (int, float)) for row in self.rows)

    def __str__(self) -> str:
        cells = [list(self.columns), *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [self.title] if self.title else []
        for row in cells:
            lines.append("  ".join(text.rjust(width) if self._is_number(i) else text.ljust(width)
                                   for i, (text, width) in enumerate(zip(row, widths))).rstrip())
        return "\n".join(lines)

    def html(self) -> str:
        aligned = ["right" if self._is_number(i) else "left" for i in range(len(self.columns))]

        def line(tag: str, row: Sequence[Any]) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:{side}">{html.escape(_cell(value))}</{tag}>'
                                    for side, value in zip(aligned, row)) + "</tr>"

        title = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        rows = "".join(line("td", row) for row in self.rows)
        return f"<table>{title}<thead>{line('th', self.columns)}</thead><tbody>{rows}</tbody></table>"


def notes_html(notes: Sequence[str]) -> str:
    """What a reader should know, below a table."""
    return "<ul>" + "".join(f"<li>{html.escape(note)}</li>" for note in notes) + "</ul>" if notes else ""


def frame_of(columns: Mapping[str, Any]) -> Any:
    """A data frame of pandas, or of Polars where only that is installed."""
    try:
        import pandas
    except ImportError:
        try:
            import polars
        except ImportError:
            raise ImportError("a data frame needs pandas or Polars: pip install pandas") from None
        return polars.DataFrame(dict(columns))
    return pandas.DataFrame(dict(columns))


def frame_of_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A data frame of rows."""
    by_column: List[List[Any]] = [[row[i] for row in rows] for i in range(len(names))]
    return frame_of(dict(zip(names, by_column)))
