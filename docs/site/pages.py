"""What the site consists of: which file becomes which page, and the order of the pages."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

# Files outside docs/ that are pages.
OUTSIDE = {
    "README.md": "index.md",
    "README.zh.md": "zh/index.md",
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
# Folders that are lists of pages: without a README of their own they get a page that lists them.
LISTED = {
    "docs/guides": "Guides",
    "docs/howto": "How-to",
    "docs/tutorials": "Tutorials",
    "docs/explanation": "Explanation",
    "docs/formats": "File formats",
    "docs/results": "Results",
}

REFERENCE_GUIDES = ["project_file", "expressions", "features", "events", "metrics", "http_api"]
GUIDES = ["sites", "python", "import", "training", "tuning", "running", "clients", "assistants", "export", "simulator", "studies", "bench"]
TUTORIALS = ["video", "python", "shop", "news"]
NOTEBOOKS = ["first-steps", "reading-an-evaluation", "position-bias"]


def sources():
    """{path in the repository: path in the site} of all pages."""
    pages = {path: page for path, page in OUTSIDE.items() if (ROOT / path).exists()}
    for path in sorted(DOCS.rglob("*.md")):
        inside = path.relative_to(DOCS)
        if inside.parts[0] not in ("site", "figures"):
            pages[f"docs/{inside}"] = str(inside.with_name("index.md") if inside.name == "README.md" else inside)
    return pages


def notebooks():
    """{path in the repository: path in the site}: the pages are made by scripts/notebooks."""
    return {f"docs/notebooks/{path.name}": f"notebooks/{path.stem}.md" for path in sorted((DOCS / "notebooks").glob("*.py"))}


def title_of(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return path.stem


def summary_of(path):
    """The first paragraph, without its links."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.strip():
            if lines:
                break
            continue
        if line[:1] in "#|`!-" or line.startswith("    "):
            break
        lines.append(line.strip())
    return " ".join(lines)


def folder(staged, name, first=()):
    """The pages of a folder of the site: those of `first` before the others, in the order of their names."""
    found = {path.stem: f"{name}/{path.name}" for path in sorted((staged / name).glob("*.md")) if path.stem != "index"}
    pages = [found.pop(stem) for stem in first if stem in found] + list(found.values())
    index = [f"{name}/index.md"] if (staged / name / "index.md").exists() else []
    return index + pages


def navigation(staged):
    """The nav of mkdocs: the four kinds of documentation, then what is measured and why things are as they are."""
    def guides(names):
        return [f"guides/{name}.md" for name in names if (staged / "guides" / f"{name}.md").exists()]

    known = set(REFERENCE_GUIDES + GUIDES)
    rest = [path.stem for path in sorted((staged / "guides").glob("*.md")) if path.stem not in known | {"index"}]
    nav = [
        {"Home": ["index.md"]},
        {"Tutorials": folder(staged, "tutorials", TUTORIALS) + [{"Notebooks": folder(staged, "notebooks", NOTEBOOKS)}]},
        {"How-to": folder(staged, "howto") + [{"Guides": ["guides/index.md"] + guides(GUIDES + rest)}]},
        {"Reference": folder(staged, "reference", ["cli", "configuration", "http", "metrics", "python", "python-client"])
                      + guides(REFERENCE_GUIDES) + [{"File formats": folder(staged, "formats")}, "versioning.md",
                                                    "changelog.md"]},
        {"Explanation": folder(staged, "explanation", ["architecture", "covington-2016", "zhao-2019", "questions"])},
        {"Results": folder(staged, "results")},
        {"Decisions": folder(staged, "decisions") + ["contributing.md"]},
    ]
    if (staged / "zh" / "index.md").exists():
        nav.append({"中文": ["zh/index.md", {"教程": folder(staged, "zh/tutorials", TUTORIALS)},
                             {"原理": folder(staged, "zh/explanation")}]})
    return prune(nav, staged)


def prune(nav, staged):
    """Without pages that are not there and without sections that have none."""
    kept = []
    for entry in nav:
        if isinstance(entry, str):
            if (staged / entry).exists():
                kept.append(entry)
        else:
            (name, below), = entry.items()
            if left := prune(below, staged):
                kept.append({name: left})
    return kept
