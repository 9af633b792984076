#!/usr/bin/env python3
"""The documentation as a site: python3 docs/site/build.py --planspec PROGRAM --out FOLDER

Pages keep the paths that they have in the repository, so that links lead to the same places there and here: README.md is
index.html, docs/cli.md is docs/cli.html. What a page links to and is no Markdown is shown as it is. The front page shows what the program
prints (demo.py). A link that leads nowhere fails the build. Needs Git and what requirements.txt names.
"""

import argparse
import html
import json
import posixpath
import re
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

import demo
import links

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FRONT = "README.md"

# What stands where in the menu. A page of docs/ that is not here comes last under Reference.
MENU = {
    "First steps": {
        "README.md": "Overview",
        "docs/install.md": "Install",
        "examples/README.md": "Examples",
    },
    "Plans": {
        "docs/documents.md": "Documents",
        "docs/executions.md": "Executions",
        "docs/workers.md": "Workers",
        "docs/agents.md": "Agents",
        "docs/trackers.md": "Trackers",
        "docs/approvals.md": "Approvals",
        "docs/review.md": "Review",
    },
    "Operation": {
        "docs/ci.md": "CI",
        "docs/board.md": "Board",
        "docs/server.md": "Server",
        "docs/reconciler.md": "Reconciler",
        "docs/recovery.md": "Recovery",
        "docs/operations.md": "Operations",
        "docs/audit.md": "Audit",
        "docs/trust.md": "Trust",
    },
    "Specification": {
        "docs/spec/README.md": "About",
        "docs/spec/text.md": "Text",
        "docs/spec/documents.md": "Documents",
        "docs/spec/resources.md": "Resources",
        "docs/spec/execution.md": "Execution",
        "docs/spec/conformance/README.md": "Conformance suite",
        "docs/spec/conformance/results.md": "Conformance table",
    },
    "Reference": {
        "docs/cli.md": "Command line",
        "docs/json.md": "Answers as JSON",
        "docs/rules/README.md": "Rules",
        "docs/schemas": "JSON Schemas",
        "docs/status-branch.md": "Status branch",
        "docs/python.md": "Python library",
        "docs/performance.md": "Performance",
    },
    "Project": {
        "docs/architecture.md": "Architecture",
        "CONTRIBUTING.md": "Contributing",
        "GOVERNANCE.md": "Governance",
        "docs/proposals/README.md": "Proposals",
        "SECURITY.md": "Security",
        "CODE_OF_CONDUCT.md": "Code of conduct",
        "CHANGELOG.md": "Changes",
    },
}


class Broken(Exception):
    """What keeps the site from being built."""


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    return {name for name in listed.stdout.decode().split("\0") if name}


class Site:
    """All pages, found by following links from the front page, the menu and the folder docs/."""

    def __init__(self, planspec):
        self.planspec = planspec
        self.files = tracked_files()
        self.folders = {parent for name in self.files for parent in parents_of(name)}
        self.menu = self.whole_menu()
        self.queue = deque()
        self.seen = set()
        self.written = {}
        self.index = []

    def whole_menu(self):
        menu = {group: dict(pages) for group, pages in MENU.items()}
        named = {path for pages in menu.values() for path in pages}
        for path in named:
            if path not in self.files and path not in self.folders:
                raise Broken(f"{HERE.name}/build.py: the menu names `{path}`, which is not there")
        for path in sorted(self.files - named):
            if re.fullmatch(r"docs/[^/]+\.md", path):
                menu["Reference"][path] = title_of((ROOT / path).read_text())
        return menu

    # --- Paths -----------------------------------------------------------------------------------

    def want(self, path):
        """The page of a file or folder of the repository, which is written as well then."""
        if path not in self.files and path not in self.folders:
            return None
        if path in self.folders and f"{path}/README.md" in self.files:
            path = f"{path}/README.md"
        if path not in self.seen:
            self.seen.add(path)
            self.queue.append(path)
        return self.page_of(path)

    def page_of(self, path):
        if path in self.folders:
            return f"{path}/index.html"
        if posixpath.basename(path) == "README.md":
            return posixpath.join(posixpath.dirname(path), "index.html")
        return re.sub(r"\.md$", "", path) + ".html"

    def address(self, source, href):
        """What a link of a page of the repository is on the site."""
        path, mark, fragment = href.partition("#")
        if re.match(r"[a-z]+:|//", href) or not path:
            return href
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        page = self.want(target)
        if page is None:
            raise Broken(f"{source}: the link to `{href}` leads nowhere")
        return relative(self.page_of(source), page) + mark + fragment

    # --- Pages -----------------------------------------------------------------------------------

    def build(self):
        for path in [FRONT, *(path for pages in self.menu.values() for path in pages)]:
            self.want(path)
        for path in sorted(self.files):
            if path.startswith("docs/") and path.endswith(".md"):
                self.want(path)
        while self.queue:
            path = self.queue.popleft()
            if path in self.folders:
                self.write_folder(path)
            elif path.endswith(".md"):
                self.write_markdown(path)
            else:
                self.write_file(path)

    def write_markdown(self, path):
        text = (ROOT / path).read_text()
        shown = self.front(text) if path == FRONT else self.markdown(path, text)
        self.index += sections(self.page_of(path), title_of(text), shown)
        self.write(path, title_of(text), shown)

    def front(self, text):
        """What planspec is, what it shows, and the rest of the README."""
        intro, rest = re.split(r"^(?=## )", text, maxsplit=1, flags=re.M)
        intro = "\n\n".join(intro.split("\n\n")[:2])
        shown = Template((HERE / "front.html").read_text())
        review = MarkdownIt("commonmark", {"html": True}).enable("table")
        review.add_render_rule("heading_open", lower_heading)
        review.add_render_rule("heading_close", lower_heading)
        parts = self.planspec
        return "".join([
            self.markdown(FRONT, intro),
            shown.substitute(
                plan=html.escape(parts["plan"]),
                graph_command=html.escape(parts["graph_command"]),
                review_command=html.escape(parts["review_command"]),
                review=scrollable(review.render(parts["review"])),
                board_command=html.escape(parts["board_command"]),
            ),
            self.markdown(FRONT, rest),
        ])

    def markdown(self, source, text):
        parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
        tokens = parser.parse(text)
        taken = set()
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                token.attrSet("id", slug(tokens[at + 1], taken))
            for child in token.children or []:
                for name in ("href", "src"):
                    if value := child.attrGet(name):
                        child.attrSet(name, self.address(source, value))
        return scrollable(parser.renderer.render(tokens, parser.options, {}))

    def write_folder(self, path):
        names = sorted(posixpath.relpath(name, path) for name in self.files if name.startswith(f"{path}/"))
        items = "".join(
            f'<li><a href="{html.escape(self.address(f"{path}/README.md", name))}">{html.escape(name)}</a></li>' for name in names
        )
        self.write(path, path, f"<h1>{html.escape(path)}</h1>\n<ul>{items}</ul>")

    def write_file(self, path):
        text = (ROOT / path).read_text()
        name = html.escape(posixpath.basename(path))
        self.written[path] = text
        shown = f'<h1>{html.escape(path)}</h1>\n<p><a href="{name}">The file itself</a></p>\n<pre><code>{html.escape(text)}</code></pre>'
        self.write(path, path, scrollable(shown))

    def write(self, path, title, shown):
        page = self.page_of(path)
        self.written[page] = Template((HERE / "page.html").read_text()).substitute(
            title=html.escape(title if path == FRONT else f"{title} · planspec"),
            root=relative(page, "index.html").removesuffix("index.html"),
            menu=self.shown_menu(page),
            content=shown,
        )

    def shown_menu(self, page):
        groups = []
        for group, pages in self.menu.items():
            items = []
            for path, name in pages.items():
                target = self.want(path)
                here = ' aria-current="page"' if target == page else ""
                items.append(f'<li><a href="{html.escape(relative(page, target))}"{here}>{html.escape(name)}</a></li>')
            groups.append(f"<h2>{html.escape(group)}</h2>\n<ul>{''.join(items)}</ul>")
        return "\n".join(groups)


# --- Text ------------------------------------------------------------------------------------


def parents_of(path):
    while path := posixpath.dirname(path):
        yield path


def relative(page, target):
    return posixpath.relpath(target, posixpath.dirname(page) or ".")


def title_of(text):
    found = re.search(r"^# (.+)$", text, re.M)
    return found[1].replace("`", "") if found else "planspec"


def slug(inline, taken):
    """The anchor of a heading, as GitHub makes it: links that work there work here."""
    text = "".join(child.content for child in inline.children if child.type in ("text", "code_inline"))
    base = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    name, number = base, 0
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name


def lower_heading(renderer, tokens, at, options, env):
    """A heading of a text that stands below a heading of the page."""
    tokens[at].tag = f"h{min(int(tokens[at].tag[1]) + 1, 6)}"
    return renderer.renderToken(tokens, at, options, env)


def scrollable(shown):
    """What is wider than the window is moved by itself, with the keyboard too."""
    shown = shown.replace("<pre>", '<pre tabindex="0">')
    return shown.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")


def sections(page, title, shown):
    """What a search looks through: each heading with the text up to the next."""
    found = []
    for part in re.split(r'(?=<h[1-4] id=")', shown):
        heading = re.match(r'<h[1-4] id="([^"]*)">(.*?)</h', part, re.S)
        text = html.unescape(re.sub(r"<[^>]+>", " ", part[heading.end() :] if heading else part))
        name = html.unescape(re.sub(r"<[^>]+>", "", heading[2])) if heading else title
        address = f"{page}#{heading[1]}" if heading else page
        found.append([address, title, name, " ".join(text.split())])
    return [section for section in found if section[2] or section[3]]


def make_room(out):
    if out.exists() and any(out.iterdir()) and not (out / "search.json").is_file():
        raise Broken(f"{out} holds something else than a site: name an empty folder, or one that is not there yet")
    shutil.rmtree(out, ignore_errors=True)


def write_all(site, shown, out):
    make_room(out)
    for path, text in site.written.items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (out / "search.json").write_text(json.dumps(site.index, ensure_ascii=False, separators=(",", ":")))
    for name in ("style.css", "search.js"):
        shutil.copyfile(HERE / name, out / name)
    (out / "plan.svg").write_text(shown["graph"])
    shutil.copytree(shown["board"], out / "board")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planspec", required=True, type=Path, help="the program whose output the front page shows")
    parser.add_argument("--out", required=True, type=Path, help="where the site is written; what is there goes")
    parser.add_argument("--url", help="where the site will be found: the schemas for editors are below it, in schemas/")
    arguments = parser.parse_args()
    with demo.shown(arguments.planspec.resolve(), ROOT) as shown:
        site = Site(shown)
        site.build()
        write_all(site, shown, arguments.out)
    wrong = links.check(arguments.out)
    if wrong:
        raise Broken("\n".join(wrong))
    if arguments.url:
        schemas = arguments.out / "schemas"
        schemas.mkdir()
        publish = ["schema", "--publish", schemas, "--url", f"{arguments.url.rstrip('/')}/schemas"]
        subprocess.run([arguments.planspec.resolve(), *publish], check=True, capture_output=True)
    print(f"{len(site.seen)} pages in {arguments.out}; every link leads somewhere")


if __name__ == "__main__":
    try:
        main()
    except (Broken, OSError, ValueError, subprocess.CalledProcessError) as broken:
        detail = getattr(broken, "stderr", None)
        sys.exit(f"error: {broken}" + (f"\n{detail}" if detail else ""))
