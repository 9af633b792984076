"""What the front page shows: a plan, a review and a board, as the program prints them of examples/monorepo.

Times are fixed, so that the pages differ from build to build in nothing but the ids of records.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

NOW = "2026-01-31T12:00:00Z"
PLAN = Path("planspec/payments/instalments.yaml")
# Somebody does not want to wait for the shop.
CHANGE = [("dependsOn: [agreed, queue]", "dependsOn: [design, queue]"), ('version: "1"', 'version: "1.1"')]

STORY = """
start event-queue-v1 --name queue
start instalments-api-v1 --name instalments
start checkout-v4 --name checkout
reconcile
claim queue/deploy --as tom@example.com
report queue/deploy --as tom@example.com --succeeded --reconcile
approve queue-tried --as sam@example.com -m 'No event was lost'
claim instalments/design --as agent:payments-coder
report instalments/design --as agent:payments-coder --succeeded --set specification=https://api.example.com/instalments
claim checkout/screens --as agent:shop-coder
reconcile
"""
GRAPH = "graph instalments -o svg"
REVIEW = "review main -o markdown"
BOARD = "board --out board"


class Stage:
    """A throw-away repository, and nothing of anybody's configuration."""

    def __init__(self, folder, planspec):
        self.planspec = planspec
        self.repository = folder / "repository"
        self.repository.mkdir()
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR", "LANG")}
        self.environment = kept | {
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PLANSPEC_NOW": NOW,
            "GIT_AUTHOR_DATE": NOW,
            "GIT_COMMITTER_DATE": NOW,
        }

    def run(self, command, may_find=False):
        """What a command prints; with `may_find` it may end with 1, as a review with findings does."""
        ran = subprocess.run(command, cwd=self.repository, env=self.environment, capture_output=True, text=True)
        if ran.returncode not in ((0, 1) if may_find else (0,)):
            raise subprocess.CalledProcessError(ran.returncode, command, ran.stdout, ran.stderr)
        return ran.stdout

    def git(self, words):
        return self.run(["git", *shlex.split(words)])

    def tell(self, words, **how):
        return self.run([self.planspec, *shlex.split(words)], **how)


@contextmanager
def shown(planspec, root):
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), planspec)
        shutil.copytree(root / "examples/monorepo", stage.repository, dirs_exist_ok=True)
        stage.git("init -q -b main")
        stage.git("config user.name Ana")
        stage.git("config user.email ana@example.com")
        stage.git("add -A")
        stage.git("commit -q -m 'Plans of three teams'")
        for line in STORY.strip().splitlines():
            stage.tell(line)
        graph = stage.tell(GRAPH)
        stage.tell(BOARD)
        yield {
            "plan": plan_of(root / "examples/monorepo" / PLAN),
            "graph": graph,
            "graph_command": f"planspec {GRAPH}",
            "review": review_of(stage),
            "review_command": f"planspec {REVIEW}",
            "board": stage.repository / "board",
            "board_command": f"planspec {BOARD}",
        }


def plan_of(path):
    documents = path.read_text().split("---\n")
    return next(text for text in documents if "kind: Plan" in text).strip()


def review_of(stage):
    stage.git("checkout -q -b at-once")
    path = stage.repository / PLAN
    text = path.read_text()
    for before, after in CHANGE:
        if text.count(before) != 1:
            raise ValueError(f"{PLAN} no longer has `{before}` once: what is changed there is in CHANGE of {Path(__file__).name}")
        text = text.replace(before, after)
    path.write_text(text)
    stage.git("commit -q -a -m 'Build at once'")
    return stage.tell(REVIEW, may_find=True)
