"""What docs/site/links.py finds: python3 tests/site/test_links.py"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/site"))

import links  # noqa: E402


class Links(unittest.TestCase):
    def found(self, link):
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder) / "site"
            (site / "below").mkdir(parents=True)
            (Path(folder) / "outside.html").touch()
            (site / "style.css").touch()
            (site / "below/index.html").write_text('<h2 id="there">There</h2>')
            (site / "index.html").write_text(f'<p id="here"></p>\n<a href="{link}">a link</a>')
            return links.check(site)

    def test_what_leads_somewhere(self):
        for link in ("", "#here", "style.css", "below/", "below/index.html#there", "https://example.com/x", "data:,"):
            self.assertEqual(self.found(link), [], link)

    def test_what_leads_nowhere(self):
        for link in ("#there", "gone.html", "below/index.html#here", "below/gone/", "../outside.html"):
            self.assertEqual(self.found(link), [f"index.html:2: `{link}` leads nowhere"], link)


if __name__ == "__main__":
    unittest.main()
