"""Whether the sections of a document have the types that everything else looks at, whatever else is wrong with them.

Where they do, what a document means can be judged although its structure is not sound: an unknown field, an empty id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _times

Test = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def boolean(value: Any) -> bool:
    return isinstance(value, bool)


def anything(_: Any) -> bool:
    return True


def time(value: Any) -> bool:
    return isinstance(value, str) and _times.is_time(value)


def duration(value: Any) -> bool:
    return isinstance(value, str) and _times.nanoseconds(value) is not None


def integer(low: int, high: int) -> Test:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def word(*words: str) -> Test:
    return lambda value: isinstance(value, str) and value in words


def optional(test: Test) -> Test:
    return lambda value: value is None or test(value)


def many(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def mapping(test: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def section(required: dict[str, Test], optional: dict[str, Test] | None = None, *, closed: bool = False) -> Test:
    """A mapping with these fields; with others besides unless it is closed."""
    others = optional or {}

    def test(value: Any) -> bool:
        if not isinstance(value, dict) or any(name not in value for name in required):
            return False
        known = required | others
        if closed and any(name not in known for name in value):
            return False
        return all(test(value[name]) for name, test in known.items() if name in value)

    return test


_U32 = integer(0, 2**32 - 1)
_U16 = integer(0, 2**16 - 1)
_TEXT = optional(text)

EDGE = section({"from": text, "to": text}, {"type": word("hard", "soft")}, closed=True)

_CRITERION = section(
    {"type": word("artifact_exists", "test_passes", "command_succeeds", "endpoint_responds", "custom"), "name": text},
    {
        "description": _TEXT,
        "required": boolean,
        "timeout": optional(duration),
        "path": _TEXT,
        "contentMatch": _TEXT,
        "command": _TEXT,
        "args": optional(many(text)),
        "expectedExitCode": optional(integer(-(2**63), 2**63 - 1)),
        "outputMatch": _TEXT,
        "url": _TEXT,
        "method": _TEXT,
        "expectedStatus": optional(_U16),
        "bodyMatch": _TEXT,
        "webhookUrl": _TEXT,
        "webhook": _TEXT,
        "payload": anything,
        "expectedResponse": optional(section({}, {"statusCode": optional(_U16), "bodyMatch": _TEXT}, closed=True)),
    },
    closed=True,
)


def criterion(value: Any) -> bool:
    # They are two names of one field.
    return _CRITERION(value) and not ("webhook" in value and "webhookUrl" in value)


_STEP = section(
    {"step_id": text, "title": text, "description": text},
    {
        "rationale": _TEXT,
        "inputs": _TEXT,
        "outputs": _TEXT,
        "dependencies": many(text),
        "parallelizable": optional(boolean),
        "estimated_complexity": optional(word("xs", "s", "m", "l", "xl")),
        "delegation": optional(word("human", "agent", "either", "human_approval", "agent_autonomous")),
        "acceptance_criteria": _TEXT,
        "x-planspec": optional(mapping(anything)),
    },
)

_PLANSPEC = section(
    {},
    {
        "namespace": _TEXT,
        "name": _TEXT,
        "series": _TEXT,
        "edges": many(EDGE),
        "checks": mapping(many(criterion)),
        "findings": many(
            section(
                {
                    "id": text,
                    "section": text,
                    "reviewer": text,
                    "severity": word("blocking", "major", "minor"),
                    "text": text,
                },
                {
                    "field": _TEXT,
                    "disposition": optional(word("open", "resolved", "rejected")),
                    "answer": _TEXT,
                },
            )
        ),
    },
)

_DEGREE = word("low", "medium", "high")
_ON_VIOLATION = optional(word("pause", "fail", "notify"))

is_content = section(
    {
        "identity": section(
            {"plan_id": text, "session_id": text, "revision": _U32, "created_by": text, "created_at": time},
            {"parent_id": _TEXT, "workspace_id": _TEXT},
        ),
        "intent": section({"goal_statement": text, "motivation": text, "success_definition": text}, {"scope_context": _TEXT}),
        "scope": section(
            {"in_scope": many(text), "out_of_scope": many(text)},
            {"assumptions": many(text), "open_questions": many(text)},
        ),
        "approach": section(
            {"overview": text, "rationale": text, "steps": many(_STEP)},
            {"alternatives_considered": many(section({"approach": text, "rejection_reason": text}))},
        ),
        "success_criteria": many(
            section(
                {
                    "criterion_id": text,
                    "description": text,
                    "verification": word("manual", "automated", "observable"),
                    "weight": word("primary", "secondary"),
                }
            )
        ),
        "delegation": section(
            {},
            {
                "default_mode": optional(word("human_approval", "agent_autonomous", "hybrid")),
                "step_overrides": many(
                    section({"step_id": text, "mode": word("human_approval", "agent_autonomous")}, {"rationale": _TEXT})
                ),
                "escalation_policy": optional(
                    section(
                        {},
                        {
                            "on_ambiguity": optional(word("pause", "fail", "proceed_with_best_guess")),
                            "on_constraint_violation": _ON_VIOLATION,
                            "on_unexpected_scope": _ON_VIOLATION,
                        },
                    )
                ),
            },
        ),
    },
    {
        "constraints": many(
            section(
                {
                    "constraint_id": text,
                    "type": text,
                    "description": text,
                    "validation_method": text,
                    "blocking": boolean,
                }
            )
        ),
        "risks": many(
            section(
                {"risk_id": text, "title": text, "probability": _DEGREE, "impact": _DEGREE, "description": text},
                {"mitigation": _TEXT, "contingency": _TEXT, "owner": optional(word("human", "agent", "shared"))},
            )
        ),
        "dependencies": many(section({"dependency_id": text, "description": text, "available": boolean}, {"type": _TEXT})),
        "revision_history": many(
            section(
                {
                    "revision": _U32,
                    "change_type": word("major", "minor", "patch"),
                    "change_summary": text,
                    "created_at": time,
                },
                {
                    "trigger": optional(word("user_feedback", "agent_suggestion", "clarification", "error_correction")),
                    "changes": many(
                        section(
                            {
                                "type": word("addition", "removal", "modification", "reorder"),
                                "section": text,
                                "summary": text,
                            },
                            {"field": _TEXT},
                        )
                    ),
                },
            )
        ),
        "metadata": section(
            {},
            {"schema_version": _TEXT, "tool": _TEXT, "tool_version": _TEXT, "tags": many(text), "language": _TEXT},
        ),
        "approval": anything,
        "x-planspec": optional(_PLANSPEC),
    },
)
"""Whether a document has all of its types."""
