"""Figures as SVG: bars, lines and boxes with arrows."""
from html import escape

COLOURS = ["#2b6cb0", "#dd6b20", "#2f855a", "#805ad5", "#718096", "#b7791f"]
FILLS = {"data": "#ebf4ff", "model": "#fff3e0", "store": "#e6f6ec", "plain": "#f7fafc"}
TEXT, FAINT = "#1a202c", "#cbd5e0"
WIDTH, PLOT_HEIGHT, LEFT, RIGHT = 720, 220, 64, 24


class Words:
    """What is written, in the language of the figure."""

    def __init__(self, translated):
        self.translated = translated

    def __call__(self, text):
        return self.translated.get(text, text)


def text_at(x, y, text, size=12, anchor="middle", weight="normal", fill=TEXT):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{fill}">{escape(text)}</text>')


def page(width, height, parts, title):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif">', f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>', *parts, "</svg>", ""])


def ticks_up_to(largest):
    """Four or five round steps from 0."""
    unit = 1.0
    while unit * 5 < largest:
        unit *= 10
    while unit * 5 > largest * 10:
        unit /= 10
    step = next((unit * f for f in (.05, .1, .2, .25, .5, 1, 2) if unit * f * 5 >= largest), unit * 2)
    count = 1
    while step * count < largest * 0.999:
        count += 1
    return [step * n for n in range(count + 1)]


class Axes:
    """The frame of a plot: title, grid, legend, and the height of a value."""

    def __init__(self, words, figure, largest):
        self.parts, self.top = [text_at(LEFT, 24, words(figure["title"]), 14, "start", "600")], 66
        self.ticks = ticks_up_to(largest)
        self.bottom = self.top + PLOT_HEIGHT
        for tick in self.ticks:
            y = self.y(tick)
            self.parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{FAINT}"/>')
            self.parts.append(text_at(LEFT - 8, y + 4, f"{tick:g}", 11, "end"))
        x = LEFT
        for number, series in enumerate(figure["series"]):
            self.parts.append(f'<rect x="{x}" y="38" width="11" height="11" fill="{COLOURS[number % len(COLOURS)]}"/>')
            name = words(series["name"])
            self.parts.append(text_at(x + 16, 48, name, 12, "start"))
            x += 30 + sum(13 if ord(c) > 0x2e80 else 7 for c in name)

    def y(self, value):
        return self.bottom - value / self.ticks[-1] * PLOT_HEIGHT

    def end(self, words, figure):
        note = words(figure["note"]) if "note" in figure else ""
        self.parts.append(text_at(LEFT, self.bottom + 44, note, 11, "start", fill="#4a5568"))
        return page(WIDTH, self.bottom + 58, self.parts, words(figure["title"]))


def value_and_error(series, index):
    errors = series.get("errors")
    value = series["values"][index]
    return (None if value is None else float(value.replace(",", ""))), float(errors[index]) if errors else 0.0


def largest_of(figure):
    return max(v + e for s in figure["series"] for i in range(len(s["values"])) for v, e in [value_and_error(s, i)] if v is not None)


def error_bar(x, low, high):
    return (f'<path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8" '
            f'stroke="{TEXT}" fill="none"/>')


def bars(words, figure):
    axes = Axes(words, figure, largest_of(figure))
    groups, series = figure["groups"], figure["series"]
    wide = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = min(46, wide * 0.8 / len(series))
    for g, group in enumerate(groups):
        middle = LEFT + wide * (g + 0.5)
        axes.parts.append(text_at(middle, axes.bottom + 20, words(group), 12))
        for s, one in enumerate(series):
            value, error = value_and_error(one, g)
            if value is None:
                continue
            x, y = middle + (s - len(series) / 2) * bar, axes.y(value)
            axes.parts.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{bar - 2:.1f}" height="{axes.bottom - y:.1f}" '
                              f'fill="{COLOURS[s % len(COLOURS)]}"/>')
            if error:
                axes.parts.append(error_bar(x + bar / 2, axes.y(max(0, value - error)), axes.y(value + error)))
            axes.parts.append(text_at(x + bar / 2, axes.y(value + error) - 4, one["values"][g], 10))
    return axes.end(words, figure)


def lines(words, figure):
    axes = Axes(words, figure, largest_of(figure))
    step = (WIDTH - LEFT - RIGHT) / len(figure["groups"])
    for g, group in enumerate(figure["groups"]):
        axes.parts.append(text_at(LEFT + step * (g + 0.5), axes.bottom + 20, words(group), 12))
    for s, one in enumerate(figure["series"]):
        points = []
        for g in range(len(figure["groups"])):
            value, error = value_and_error(one, g)
            x = LEFT + step * (g + 0.5)
            points.append(f"{x:.1f},{axes.y(value):.1f}")
            if error:
                axes.parts.append(error_bar(x, axes.y(max(0, value - error)), axes.y(value + error)))
            axes.parts.append(f'<circle cx="{x:.1f}" cy="{axes.y(value):.1f}" r="3" fill="{COLOURS[s % len(COLOURS)]}"/>')
        axes.parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[s % len(COLOURS)]}" '
                          'stroke-width="2"/>')
    return axes.end(words, figure)


def border(box, toward):
    """Where the line from the middle of `box` to that of `toward` leaves it; straight where the boxes overlap."""
    mid = lambda b: (b["x"] + b["w"] / 2, b["y"] + b["h"] / 2)  # noqa: E731
    (x, y), (tx, ty) = mid(box), mid(toward)
    if box["y"] + box["h"] <= toward["y"] or toward["y"] + toward["h"] <= box["y"]:
        low, high = max(box["x"], toward["x"]), min(box["x"] + box["w"], toward["x"] + toward["w"])
        return ((low + high) / 2 if low < high else x), (box["y"] + box["h"] if ty > y else box["y"])
    low, high = max(box["y"], toward["y"]), min(box["y"] + box["h"], toward["y"] + toward["h"])
    return (box["x"] + box["w"] if tx > x else box["x"]), ((low + high) / 2 if low < high else y)


def boxes(words, figure):
    parts = ['<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
             f'<path d="M0 0L10 5L0 10z" fill="#4a5568"/></marker></defs>']
    places = {box["id"]: box for box in figure["boxes"]}
    for arrow in figure["arrows"]:
        start, end = places[arrow[0]], places[arrow[1]]
        (x1, y1), (x2, y2) = border(start, end), border(end, start)
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#4a5568" stroke-width="1.4" '
                     'marker-end="url(#a)"/>')
        if len(arrow) > 2:
            beside = 6 if abs(x1 - x2) < 30 else 0
            parts.append(text_at((x1 + x2) / 2 + beside, (y1 + y2) / 2 - (0 if beside else 6), words(arrow[2]), 11,
                                 "start" if beside else "middle", fill="#4a5568"))
    for box in figure["boxes"]:
        parts.append(f'<rect x="{box["x"]}" y="{box["y"]}" width="{box["w"]}" height="{box["h"]}" rx="6" '
                     f'fill="{FILLS[box.get("style", "plain")]}" stroke="#a0aec0"/>')
        top = box["y"] + box["h"] / 2 - (len(box["text"]) - 1) * 8 + 4
        for n, line in enumerate(box["text"]):
            parts.append(text_at(box["x"] + box["w"] / 2, top + 16 * n, words(line), 13 if n == 0 else 11,
                                 weight="600" if n == 0 else "normal", fill=TEXT if n == 0 else "#4a5568"))
    return page(figure["width"], figure["height"], parts, words(figure["title"]))
