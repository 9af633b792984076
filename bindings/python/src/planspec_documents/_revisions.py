"""What changes from one revision to the next, and the chain that the revisions of a session make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import _document, _normal, _plan, _resource, _versions
from ._findings import KEY, VALUE, Diagnostic, Path, at, display
from ._normal import Class, Normal

_SIZES = {"patch": Class.PATCH, "minor": Class.MINOR, "major": Class.MAJOR}


def normal_of(name: str, value: Any) -> Normal | None:
    """The normal form of a document or of a plan that can be used."""
    if _document.is_document(name, value):
        return _normal.of_document(value, name)
    is_plan = isinstance(value, dict) and value.get("kind") == "Plan"
    if not is_plan or any(finding.is_error for finding in _resource.check(value)):
        return None
    return _normal.of_plan(value["spec"], value["metadata"]["namespace"], value["metadata"])


def broken(size: Class, name: str, old: Any, new: Any) -> list[Diagnostic]:
    """The rules about change that a new revision breaks, of which ``size`` is the class."""
    if _document.is_document(name, new):
        was, is_ = _document.meant(old)[0], _document.meant(new)[0]
        return [*_class_too_low(size, _declared(was, is_), ("identity", "revision")), *_not_next(was, is_)]
    if isinstance(new, dict) and new.get("kind") == "Execution":
        return list(_changed_run(old, new))
    return list(_class_too_low(size, _declared_by_version(old, new), ("spec", "version")))


def _class_too_low(size: Class, declared: Class | None, path: Path) -> Iterator[Diagnostic]:
    # The same version with other words is no other revision.
    if declared is not None and size > max(declared, Class.PATCH):
        said = "no change" if declared is Class.NONE else str(declared)
        message = f"the change is {size}, and the plan declares {said}"
        yield Diagnostic("PS403", path, VALUE, message, "declare the class that the change has, or take the change back")


def _declared(was: Any, is_: Any) -> Class:
    """The largest class of the new entries of the history."""
    same_session = was["identity"]["session_id"] == is_["identity"]["session_id"]
    entries = is_.get("revision_history") or []
    newer = [one for one in entries if not same_session or one["revision"] > was["identity"]["revision"]]
    return max((_SIZES[one["change_type"]] for one in newer), default=Class.NONE)


def _declared_by_version(old: Any, new: Any) -> Class | None:
    """The class that the step from one version to another declares; nothing for a plan without versions."""
    was, is_ = at(old, ("spec", "version")), at(new, ("spec", "version"))
    if not isinstance(was, str) or not isinstance(is_, str):
        return None
    if not _versions.is_numbered(was) or not _versions.is_numbered(is_):
        return None
    part = _versions.step(was, is_)
    return Class.NONE if part is None else (Class.MAJOR, Class.MINOR, Class.PATCH)[min(part, 2)]


def _not_next(was: Any, is_: Any) -> Iterator[Diagnostic]:
    """Where a new revision does not follow from the one before: intent and scope, history, identity."""
    before, now = was["identity"], is_["identity"]
    if before["session_id"] != now["session_id"]:
        return
    names = ("goal_statement", "motivation", "success_definition", "scope_context")
    if any(was["intent"].get(name) != is_["intent"].get(name) for name in names):
        yield _fixed("intent")
    if any(was["scope"][name] != is_["scope"][name] for name in ("in_scope", "out_of_scope")):
        yield _fixed("scope")
    known = {one["revision"]: _normal.history_entry(one) for one in is_.get("revision_history") or []}
    for one in was.get("revision_history") or []:
        if known.get(one["revision"]) != _normal.history_entry(one):
            message = f"the history of revision {one['revision']} is another one"
            yield Diagnostic("PS408", ("revision_history",), VALUE, message, "restore it; the history only grows")
            break
    if (before["revision"], before["plan_id"]) != (now["revision"], now["plan_id"]):
        yield from _identity(before, now, set(known))


def _fixed(section: str) -> Diagnostic:
    help = f"a different {section} needs a new session: set a new `session_id`"
    return Diagnostic("PS408", (section,), VALUE, f"`{section}` changes within one session", help)


def _identity(before: Any, now: Any, known: set[int]) -> Iterator[Diagnostic]:
    number, following = before["revision"], before["revision"] + 1
    # Only the history has the revisions between the two.
    between = range(following, now["revision"] + 1)
    is_chain = len(between) > 1 and len(between) <= len(known) and all(one in known for one in between)
    if now["revision"] != following and not is_chain:
        message = f"revision {now['revision']} follows revision {number}"
        help = "revisions go up by one, each with an entry in `revision_history`"
        yield Diagnostic("PS408", ("identity", "revision"), VALUE, message, help)
    if now["plan_id"] == before["plan_id"]:
        message = "a new revision has the `plan_id` of the one before"
        yield Diagnostic("PS408", ("identity", "plan_id"), VALUE, message, "every revision has its own `plan_id`")
    if not is_chain and now.get("parent_id") != before["plan_id"]:
        message = "`parent_id` is not the `plan_id` of the revision before"
        yield Diagnostic("PS408", ("identity", "parent_id"), VALUE, message, f"write {before['plan_id']}")


def _changed_run(old: Any, new: Any) -> Iterator[Diagnostic]:
    """The first place where the spec of an Execution is not what it was."""
    todo: list[tuple[Path, Any, Any]] = [(("spec",), old.get("spec"), new.get("spec"))]
    while todo:
        path, was, is_ = todo.pop()
        if isinstance(was, dict) and isinstance(is_, dict):
            names = [*is_, *(name for name in was if name not in is_)]
            todo += [((*path, name), was.get(name, _NOTHING), is_.get(name, _NOTHING)) for name in reversed(names)]
        elif isinstance(was, list) and isinstance(is_, list) and len(was) == len(is_):
            todo += [((*path, index), was[index], is_[index]) for index in reversed(range(len(is_)))]
        elif was != is_:
            is_gone = is_ is _NOTHING
            message = f"the spec of an Execution has changed since it was committed, at `{display(path)}`"
            help = "restore it; the spec of a run cannot change"
            yield Diagnostic("PS401", path[:-1] if is_gone else path, KEY if is_gone else VALUE, message, help)
            return


_NOTHING = object()


class Revision:
    """Which revision of which session a document says that it is."""

    def __init__(self, name: str, value: Any) -> None:
        identity = at(value, ("identity",))
        fields = identity if isinstance(identity, dict) else {}
        self.name = name
        self.key = _plan.key(name, value)
        self.series = at(value, ("x-planspec", "series"))
        self.session = fields.get("session_id")
        self.id = str(fields.get("plan_id")).lower()
        parent = fields.get("parent_id")
        self.parent = parent.lower() if isinstance(parent, str) else None
        self.number = fields.get("revision")
        is_number = isinstance(self.number, int) and not isinstance(self.number, bool) and self.number >= 0
        self.is_read = isinstance(self.session, str) and isinstance(fields.get("plan_id"), str) and is_number


def heads(chain: list[Revision]) -> list[Revision]:
    """Those that no other names as its parent."""
    parents = {one.parent for one in chain if one.parent != one.id}
    return [one for one in chain if one.id not in parents]


def chain_findings(chain: list[Revision]) -> list[tuple[Revision, Diagnostic]]:
    """Where revisions of one session make no chain."""
    found: list[tuple[Revision, Diagnostic]] = []

    def say(one: Revision, field: str, message: str, help: str) -> None:
        found.append((one, Diagnostic("PS614", ("identity", field), VALUE, message, help)))

    known: dict[str, Revision] = {}
    for one in chain:
        if one.id in known:
            say(one, "plan_id", "another file has the same `plan_id`", "every revision has its own `plan_id`")
        known.setdefault(one.id, one)
    oldest = min(one.number or 0 for one in chain)
    for one in chain:
        if one.parent is None:
            continue
        before = known.get(one.parent)
        if before is not None and one.number != (before.number or 0) + 1:
            message = f"revision {one.number} follows revision {before.number}"
            say(one, "revision", message, f"write {(before.number or 0) + 1}")
        # The revisions before the oldest may have been removed.
        elif before is None and one.number != oldest:
            message = f"no file of the session is revision `{one.parent}`"
            say(one, "parent_id", message, "write the `plan_id` of the previous revision")
    newest = heads(chain)
    if len(newest) != 1 and not found:
        names = ", ".join(f"`{one.name}` (revision {one.number})" for one in newest)
        message = f"several files are the newest revision: {names}"
        if not newest:
            message = "the revisions of the session follow each other in a cycle"
        for one in newest or chain:
            say(one, "parent_id", message, "make one of them follow the other with `parent_id` and `revision`")
    return found


def session_findings(revisions: list[Revision]) -> list[tuple[Revision, Diagnostic]]:
    """What is wrong with the chains of several documents, and with sessions whose documents name several plans."""
    found: list[tuple[Revision, Diagnostic]] = []
    by_key: dict[tuple[str, str], list[Revision]] = {}
    for one in revisions:
        by_key.setdefault(one.key, []).append(one)
    newest: list[Revision] = []
    for key in sorted(by_key):
        chain = by_key[key]
        is_chain = len(chain) > 1 and all(one.is_read for one in chain) and len({one.session for one in chain}) == 1
        if is_chain:
            found += chain_findings(chain)
        elif len(chain) > 1:
            found += [(one, _defined_twice(one, len(chain))) for one in chain]
        newest += (heads(chain) or chain) if is_chain else chain
    by_session: dict[Any, list[Revision]] = {}
    for one in newest:
        if one.is_read:
            by_session.setdefault(one.session, []).append(one)
    for plans in by_session.values():
        first = plans[0]
        for one in plans[1:]:
            # Plans of a series may differ on purpose.
            if one.key != first.key and (one.series is None or one.series != first.series):
                message = f"session `{one.session}` has another plan, `{first.key[1]}`: two plans, not two revisions"
                help = "revisions have one name, such as `NAME-v2.planspec.json`; another plan has a `session_id` of its own"
                found.append((one, Diagnostic("PS615", ("identity", "session_id"), VALUE, message, help)))
    return found


def earlier(revisions: list[Revision]) -> list[Revision]:
    """Those that are history: each plan is the newest one of its session."""
    past = []
    for key in {one.key for one in revisions}:
        chain = [one for one in revisions if one.key == key]
        is_chain = len(chain) > 1 and all(one.is_read for one in chain) and len({one.session for one in chain}) == 1
        newest = heads(chain) if is_chain else []
        past += [one for one in chain if newest and one not in newest]
    return past


def _defined_twice(one: Revision, count: int) -> Diagnostic:
    message = f"plan {'/'.join(one.key)} is defined {count} times"
    help = "keep one definition, or give the others another name or namespace"
    return Diagnostic("PS201", ("x-planspec", "name"), VALUE, message, help)
