"""The pages of the reference of the two Python packages, from their source: signatures and docstrings."""
import ast
import re

from pages import ROOT

ORDER = ["Project", "Imported", "Training", "Evaluation", "Metric", "Slate", "Item", "Feeds", "Vectors", "Server", "Simulator", "Simulated",
         "Study", "StudyReport", "studies", "Progress"]


def signature(function, name):
    arguments = re.sub(r"^self(, )?", "", ast.unparse(function.args))
    returned = f" -> {ast.unparse(function.returns)}" if function.returns and name == function.name else ""
    return f"{name}({arguments}){returned}"


def documentation(node):
    """A docstring with its examples as blocks of code; what is indented by four is code already."""
    text, out, inside = ast.get_docstring(node) or "", [], False
    for line in text.splitlines():
        example = line.startswith((">>>", "...")) or (inside and bool(line.strip()))
        if example != inside:
            out.extend(["```python", line] if example else ["```", line])
            inside = example
        else:
            out.append(line)
    return "\n".join(out + ["```"] * inside)


def attributes(node):
    """(name, type, text) of the attributes that a text follows, in the class and its __init__, and of its properties."""
    bodies = [node.body, *(below.body for below in node.body if isinstance(below, ast.FunctionDef) and below.name == "__init__")]
    for body in bodies:
        for statement, after in zip(body, body[1:]):
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
                target = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", [])), None)
                if isinstance(target, ast.Attribute) and target.attr[0] != "_":
                    kind = getattr(statement, "annotation", None)
                    yield target.attr, ast.unparse(kind) if kind else "", " ".join(after.value.value.split())
    for below in node.body:
        if isinstance(below, ast.AnnAssign) and isinstance(below.target, ast.Name):
            yield below.target.id, ast.unparse(below.annotation), ""
        if isinstance(below, ast.FunctionDef) and any(ast.unparse(d) == "property" for d in below.decorator_list):
            yield below.name, ast.unparse(below.returns) if below.returns else "", " ".join((ast.get_docstring(below) or "").split())


def a_class(node):
    page = [f"## {node.name}", ""]
    initial = next((below for below in node.body if isinstance(below, ast.FunctionDef) and below.name == "__init__"), None)
    if initial and node.name in ("Project", "Server", "Simulator", "Study", "Client"):
        page.extend(["```python", signature(initial, node.name), "```", ""])
    page.extend([documentation(node), ""])
    rows = [f"| `{name}` | {cell(kind)} | {cell(text)} |" for name, kind, text in attributes(node)]
    if rows:
        page.extend(["| attribute | type | |", "|---|---|---|", *rows, ""])
    for method in node.body:
        decorators = [ast.unparse(d) for d in getattr(method, "decorator_list", [])]
        if isinstance(method, ast.FunctionDef) and method.name[0] != "_" and not {"property", "overload"} & set(decorators):
            page.extend([f"### {node.name}.{method.name}", "", "```python", signature(method, method.name), "```", "",
                         documentation(method), ""])
    return page


def cell(text):
    return f"`{text}`" if re.match(r"[A-Z]\w+\[", text) else text.replace("|", "\\|")


def package():
    """The names of upnext.__all__, then errors, examples and tensors."""
    folder, nodes, errors = ROOT / "python" / "upnext", {}, []
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name[0] != "_":
                nodes[f"{path.stem}.{node.name}" if path.stem in ("examples", "torch") else node.name] = node
                if path.stem == "errors":
                    errors.append(node)
    page = ["# Python", "", "What `import upnext` has. How it is installed and used: [the guide](../guides/python.md), [the "
            "tutorial](../tutorials/python.md).", ""]
    for name in [*ORDER, "examples.Batches", "torch.dataset", "torch.ExampleDataset"]:
        node = nodes[name]
        if isinstance(node, ast.ClassDef):
            node.name = name
            page.extend(a_class(node))
        else:
            page.extend([f"## {name}", "", "```python", signature(node, node.name), "```", "", documentation(node), ""])
    page.extend(["## Errors", "", "| class | is also | |", "|---|---|---|"])
    for node in errors:
        bases = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
        page.append(f"| `{node.name}` | {bases} | {cell(' '.join((ast.get_docstring(node) or '').split()))} |")
    return "\n".join(page) + "\n"


def client():
    """The methods of the client of the HTTP API with their arguments and first sentences."""
    folder = ROOT / "clients" / "python" / "upnext_client"
    page = ["# Python client of the HTTP API", "", "The methods of `upnext_client.Client`. How it is installed and used: "
            "[clients](../guides/clients.md). Types of bodies and answers are those of the [HTTP interface](http.md#types).", ""]
    for name in ("__init__.py", "_generated.py", "_transport.py"):
        for node in ast.parse((folder / name).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name in ("Client", "Operations", "Transport", "UpnextError"):
                page.extend(a_class(node))
    return "\n".join(page) + "\n"
