"""What a long call reports: a bar in a terminal, a bar in a notebook, lines elsewhere, or a function of the caller."""
from __future__ import annotations

import html
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union


class Progress(NamedTuple):
    """What a function that was given as `progress` is called with.

    `stage` is what is being done, such as `"train ranker"`, `done` of `total` how far, in `unit`; a `total` of 0 is one that is not
    known. `note` is what is new about it, such as a loss. `ended` is true in the last report of a stage. A line of
    information that belongs to no stage has an empty `stage` and the line as `note`.
    """

    stage: str
    unit: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    ended: bool = False


Show = Union[bool, Callable[[Progress], Any]]
"""False shows nothing, True a bar and notes on stderr or in the notebook; a function is called with each `Progress`."""

_LINE_PERIOD = 5.0  # seconds between lines where there is no terminal
_WORTH_A_LINE = 2.0  # a shorter stage prints none there


class Reporter:
    """Shows nothing."""

    def note(self, line: str) -> None: ...

    def stage(self, news: Dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class _Called(Reporter):
    def __init__(self, function: Callable[[Progress], Any]) -> None:
        self._function = function

    def note(self, line: str) -> None:
        self._function(Progress(stage="", note=line))

    def stage(self, news: Dict[str, Any]) -> None:
        self._function(_progress_of(news))


class _Bars(Reporter):
    """Keeps when a stage began, for its rate and the time that is left."""

    def __init__(self) -> None:
        self._name: Optional[str] = None
        self._began = 0.0

    def _elapsed(self, progress: Progress) -> float:
        if progress.stage != self._name:
            self._name, self._began = progress.stage, time.monotonic()
        elapsed = time.monotonic() - self._began
        if progress.ended:
            self._name = None
        return elapsed


class _Terminal(_Bars):
    """One line that is drawn again, as by the command line; without a terminal a line now and then."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream, self._drawn, self._last = stream, False, time.monotonic()
        self._is_terminal = bool(getattr(stream, "isatty", lambda: False)())

    def _write(self, line: str, end: str) -> None:
        self._stream.write(("\r\033[K" if self._drawn else "") + line + end)
        self._stream.flush()
        self._drawn = end == ""

    def note(self, line: str) -> None:
        self._write(line, "\n")

    def stage(self, news: Dict[str, Any]) -> None:
        progress = _progress_of(news)
        elapsed = self._elapsed(progress)
        if self._is_terminal:
            return self._write(line_of(progress, elapsed), "\n" if progress.ended else "")
        now = time.monotonic()
        if (progress.ended and elapsed >= _WORTH_A_LINE) or (not progress.ended and now - self._last >= _LINE_PERIOD):
            self._last = now
            self._write(line_of(progress, elapsed), "\n")
        return None

    def close(self) -> None:
        if self._drawn:
            self._write("", "\n")


class _Notebook(_Bars):
    """A bar and the last notes in one output area, which is drawn again."""

    _NOTES = 8

    def __init__(self, display: Callable[..., Any], markup: Callable[[str], Any]) -> None:
        super().__init__()
        self._markup, self._bar, self._drawn = markup, "", 0.0
        self._notes: List[str] = []
        self._area = display(markup(""), display_id=True)

    def _draw(self, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now - self._drawn > 0.2:
            self._drawn = now
            lines = "".join(f"<div>{html.escape(line)}</div>" for line in self._notes[-self._NOTES:])
            self._area.update(self._markup(f'<div style="font-family:monospace;font-size:90%">{lines}{self._bar}</div>'))

    def note(self, line: str) -> None:
        self._notes.append(line)
        self._draw(False)

    def stage(self, news: Dict[str, Any]) -> None:
        progress = _progress_of(news)
        text = html.escape(line_of(progress, self._elapsed(progress), bar=False))
        share = f' value="{progress.done}" max="{progress.total}"' if progress.total else ""
        self._bar = f"<div><progress{share}></progress> {text}</div>" if not progress.ended else f"<div>{text}</div>"
        self._draw(progress.ended)

    def close(self) -> None:
        self._draw(True)


def _progress_of(news: Dict[str, Any]) -> Progress:
    return Progress(**{name: news[name] for name in Progress._fields if name in news})


def line_of(progress: Progress, elapsed: float, bar: bool = True) -> str:
    """A stage as one line: how far, how fast, how long."""
    line = f"{progress.stage:<26}" if bar else progress.stage
    rate = progress.done / elapsed if elapsed > 0 else 0.0
    if progress.total:
        share = min(1.0, progress.done / progress.total)
        filled = int(share * 20)
        line += f" [{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}" if bar else f" {share:.0%}"
    else:
        line += f" {progress.done:,} {progress.unit}"
    if rate > 0:
        line += f"  {human_rate(rate)} {progress.unit}/s"
    if progress.ended:
        line += f"  {human_seconds(elapsed)}"
    elif progress.total > progress.done and rate > 0:
        line += f"  {human_seconds((progress.total - progress.done) / rate)} left"
    return line + (f"  {progress.note}" if progress.note else "")


def human_rate(per_second: float) -> str:
    for least, unit in ((1e6, "M"), (1e3, "k")):
        if per_second >= least:
            return f"{per_second / least:.1f} {unit}"
    return f"{per_second:.1f}"


def human_seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def reporter(show: Show) -> Reporter:
    """What shows the progress of one call."""
    if callable(show):
        return _Called(show)
    if not show:
        return Reporter()
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import HTML, display  # only where it runs already
        return _Notebook(display, HTML)
    return _Terminal(sys.stderr)
