"""Markdown as it is in the repository and as the site needs it: links, the anchors of headings, and lists."""
import os
import re

FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s]+)(?=[^)]*\))|(?<=^\[)(?P<name>[^\]]+)\]: +(?P<reference>\S+)")
IMAGE = re.compile(r'(?<=src=")[^"]+(?=")|(?<=srcset=")[^"]+(?=")')
CODE = re.compile(r"(`+)(?:.*?)\1", re.DOTALL)


def prose(text):
    """[(is prose, part of the text)]: paragraphs without fenced or indented blocks and without code in backticks."""
    parts, lines, fenced = [], [], False

    def end():
        joined, last = "".join(lines), 0
        lines.clear()
        for code in CODE.finditer(joined):
            parts.extend([(True, joined[last:code.start()]), (False, code[0])])
            last = code.end()
        parts.append((True, joined[last:]))

    for line in text.splitlines(keepends=True):
        if FENCE.match(line):
            fenced = not fenced
            end()
            parts.append((False, line))
        elif fenced or (line.startswith("    ") and not lines_are_a_list(lines)):
            end()
            parts.append((False, line))
        else:
            lines.append(line)
    end()
    return parts


def lines_are_a_list(lines):
    """Whether an indented line after `lines` continues a paragraph or an entry of a list."""
    return bool(lines) and bool(lines[-1].strip())


def replace(text, change):
    """`text` with change(target) in the place of the target of each link and image."""
    def one(match):
        return change(match[0]) if match.lastgroup != "reference" else match[0]

    done = []
    for is_prose, part in prose(text):
        done.append(IMAGE.sub(one, LINK.sub(one, part)) if is_prose else part)
    return "".join(done)


ENTRY = re.compile(r"( {0,3})([-*] |\d+\. )")


def lists_as_on_github(text):
    """Python-Markdown wants an empty line before a list that follows a paragraph, and four spaces before an inner entry."""
    done, fenced, in_list = [], False, False
    for line in text.splitlines():
        fenced ^= bool(FENCE.match(line))
        entry = None if fenced else ENTRY.match(line)
        if entry and entry[1] and in_list:
            line = "    " + line.lstrip()
        elif entry and not in_list and done and done[-1].strip() and not done[-1].startswith("#"):
            done.append("")
        in_list = bool(entry) or (in_list and (bool(line.strip()) or fenced))
        done.append(line)
    return "\n".join(done) + "\n"


def slug(heading):
    """As GitHub does it, and pymdownx.slugs on the site: letters of any script, digits, `_` and `-`."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    """The ids of the headings and of <a id="">."""
    found, fenced = set(re.findall(r'<a (?:id|name)="([^"]+)"', text)), False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and (heading := re.match(r"#{1,6} +(.*)", line)):
            found.add(slug(heading[1]))
    return found


def code_blocks(text):
    """The fenced blocks with a language."""
    return re.findall(r"^```\w.*?^```$", text, re.MULTILINE | re.DOTALL)


def is_external(target):
    return re.match(r"[a-z]+:|//", target) is not None


def resolve(source, target):
    """(path in the repository, fragment) that `target` in the file `source` means; both relative to the root."""
    path, _, fragment = target.partition("#")
    return (os.path.normpath(os.path.join(os.path.dirname(source), path)) if path else source), fragment
