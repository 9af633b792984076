"""Whether every link of a built site leads somewhere: python3 docs/site/links.py FOLDER"""

import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """What a page can be linked at, and what it links to."""

    def __init__(self, text):
        super().__init__()
        self.ids = set()
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append((self.getpos()[0], value))


def check(folder):
    """What is wrong, a line for each link."""
    pages = {path.resolve(): Page(path.read_text()) for path in sorted(folder.rglob("*.html"))}
    return [
        f"{path.relative_to(folder.resolve())}:{line}: `{link}` leads nowhere"
        for path, page in pages.items()
        for line, link in page.links
        if not leads_somewhere(path, link, pages, folder.resolve())
    ]


def leads_somewhere(path, link, pages, folder):
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return False
    if target.is_dir():
        target /= "index.html"
    if not parts.fragment or target not in pages:
        return target.is_file()
    return urllib.parse.unquote(parts.fragment) in pages[target].ids


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: links.py FOLDER")
    found = check(Path(sys.argv[1]))
    sys.exit("\n".join(found) or 0)
