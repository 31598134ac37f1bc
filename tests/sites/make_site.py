#!/usr/bin/env python3
"""Writes the files of a small simulated site, as its export would have them: CSV, with the site's own names.

    tests/sites/make_site.py shop shop/data        for configs/shop.toml
    tests/sites/make_site.py news news/data        for configs/news.toml

The same kind and --seed give the same bytes. Python's standard library is all that it needs.
"""

import argparse
import random
import sys
from pathlib import Path

import news
import shop

SITES = {"shop": shop.make, "news": news.make}


def main():
    parser = argparse.ArgumentParser(description="Writes the files of a small simulated site.")
    parser.add_argument("site", choices=sorted(SITES))
    parser.add_argument("folder", type=Path, help="is made when it does not exist")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in SITES[arguments.site](random.Random(arguments.seed), arguments.folder).items():
        print(f"{arguments.folder / name}: {rows} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
