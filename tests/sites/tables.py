"""What the simulated sites share: weighted draws, times as text, CSV files."""

import csv
import math
from bisect import bisect
from datetime import datetime, timedelta, timezone
from itertools import accumulate

START = datetime(2026, 3, 1, tzinfo=timezone.utc)  # first moment of a site's log


class Weighted:
    """Draws of `values` in proportion to `weights`."""

    def __init__(self, values, weights):
        self.values, self.sums = values, list(accumulate(weights))

    def draw(self, rng):
        return self.values[min(bisect(self.sums, rng.random() * self.sums[-1]), len(self.values) - 1)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def poisson(rng, mean):
    """Knuth's; for small means."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def at(days):
    """The moment `days` after START, as the files write it: UTC, in whole seconds."""
    return (START + timedelta(seconds=int(days * 86_400))).strftime("%Y-%m-%dT%H:%M:%SZ")


def hour(rng):
    """Of a visit, as a share of the day: most come in the evening."""
    return rng.triangular(6, 24, 20) / 24 % 1


def write(path, columns, rows):
    """Rows are dicts; a missing or None value is an empty cell."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
    return len(rows)
