#!/usr/bin/env python3
"""Puts the pages of the site into a folder, with links that are valid there, and writes the configuration of mkdocs.

usage: docs/site/stage.py FOLDER [--site FOLDER]
       docs/site/stage.py --check       writes nothing: exit status 1 if a link leads nowhere or a translation has other commands

A link to a file of the repository that is no page leads to a copy of it under files/. Needs the standard library alone.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import sys

import links
import pages
from pages import ROOT


class Stage:
    def __init__(self, folder):
        self.folder, self.pages, self.errors = folder, pages.sources(), []
        self.anchors = {path: links.anchors((ROOT / path).read_text(encoding="utf-8")) for path in self.pages}

    def place(self, source, target):
        """The path in the site that a link leads to, or None, which is an error that is kept."""
        path, fragment = links.resolve(source, target)
        if path in self.pages:
            if fragment and fragment not in self.anchors[path]:
                return self.wrong(source, target, f"no heading of {path} has this anchor")
            return self.pages[path], fragment
        if (ROOT / path).is_dir():
            if path == "docs":
                return "index.md", ""
            if f"{path}/README.md" in self.pages:
                return self.pages[f"{path}/README.md"], ""
            if path in pages.LISTED:
                return f"{path[len('docs/'):]}/index.md", ""
            return self.wrong(source, target, "a folder that is no list of pages")
        if not (ROOT / path).is_file():
            return self.wrong(source, target, "no such file")
        copy = path[len("docs/"):] if path.startswith("docs/") else f"files/{path}"
        if path in pages.notebooks():
            return pages.notebooks()[path], fragment
        if self.folder:
            (self.folder / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, self.folder / copy)
        return copy, fragment

    def wrong(self, source, target, reason):
        self.errors.append(f"{source}: link to {target}: {reason}")
        return None

    def page(self, source):
        """The text of a page with the links of the site."""
        here = os.path.dirname(self.pages[source])

        def change(target):
            if links.is_external(target):
                return target
            place = self.place(source, target)
            if place is None:
                return target
            if target.startswith("#"):
                return target
            path, fragment = place
            return os.path.relpath(path, here or ".") + (f"#{fragment}" if fragment else "")

        text = (ROOT / source).read_text(encoding="utf-8")
        return links.lists_as_on_github(links.replace(text, change))

    def write(self):
        for source, page in self.pages.items():
            text = self.page(source)
            if self.folder:
                (self.folder / page).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / page).write_text(text, encoding="utf-8")
        if self.folder:
            for path, name in pages.LISTED.items():
                self.list_of(self.folder / path[len("docs/"):], name)

    def check_notebooks(self):
        """The links in the texts of notebooks, which lie next to their pages; scripts/notebooks makes these."""
        for source in pages.notebooks():
            text = (ROOT / source).read_text(encoding="utf-8")
            for cell in re.findall(r"^# %% \[markdown\]\n(.*?)(?=^# %%|\Z)", text, re.MULTILINE | re.DOTALL):
                links.replace(re.sub(r"^# ?", "", cell, flags=re.MULTILINE), lambda target: self.link_of(source, target))

    def link_of(self, source, target):
        page = os.path.normpath(os.path.join(os.path.dirname(source), target.partition("#")[0]))
        if not links.is_external(target) and page.replace(".md", ".py") not in pages.notebooks():
            self.place(source, target)
        return target

    def check_translations(self):
        """The code of a translated page is that of the original, which the tests run."""
        for source in self.pages:
            original = source.replace("docs/zh/", "docs/")
            if original != source and original in self.pages:
                code = [links.code_blocks((ROOT / path).read_text(encoding="utf-8")) for path in (source, original)]
                if code[0] != code[1]:
                    self.errors.append(f"{source}: its blocks of code are not those of {original}")

    def list_of(self, folder, name):
        index = folder / "index.md"
        if not folder.is_dir() or index.exists():
            return
        lines = [f"# {name}", ""]
        for path in sorted(folder.glob("*.md")):
            summary = pages.summary_of(path).split(". ")[0].rstrip(".:")
            summary = links.LINK.sub("", summary).replace("]()", "").replace("[", "")
            if re.match(r"20\d\d-", summary):  # the date of a measurement says nothing of the page
                summary = ""
            lines.append(f"- [{pages.title_of(path)}]({path.name})" + (f": {summary}." if summary else ""))
        index.write_text("\n".join(lines) + "\n", encoding="utf-8")


def configuration(staged, site):
    return {"INHERIT": str(pathlib.Path(__file__).with_name("mkdocs.yml")), "docs_dir": str(staged.resolve()),
            "site_dir": str(site.resolve()), "nav": pages.navigation(staged)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--site", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if bool(given.folder) == given.check:
        parser.error("expected a folder or --check")
    stage = Stage(given.folder)
    stage.write()
    stage.check_notebooks()
    stage.check_translations()
    for error in stage.errors:
        print(error, file=sys.stderr)
    if stage.errors:
        print(f"stage: {len(stage.errors)} links or translations to correct", file=sys.stderr)
        return 1
    if given.site:
        # JSON is YAML; it lies next to the staged pages, since mkdocs reads every file in them.
        path = given.folder.with_suffix(".yml")
        path.write_text(json.dumps(configuration(given.folder, given.site), ensure_ascii=False, indent=1), encoding="utf-8")
    if given.check:
        print(f"{len(stage.pages)} pages and {len(pages.notebooks())} notebooks, all links lead somewhere")
    return 0


if __name__ == "__main__":
    sys.exit(main())
