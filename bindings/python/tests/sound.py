"""A document and resources that nothing is wrong with, and changes of them."""

from __future__ import annotations

import copy
from typing import Any

import planspec_documents as planspec

GONE = object()
"""In the place of a value: the entry is removed."""


def document(**changes: Any) -> Any:
    """A document that may be executed. Sections are replaced by name."""
    value: dict[str, Any] = {
        "identity": {
            "plan_id": "6f1d3c52-9a77-4d0e-8a51-2b7c90e4d3a1",
            "session_id": "bakery",
            "revision": 1,
            "parent_id": None,
            "created_by": "human:mia",
            "created_at": "2026-03-02T07:30:00Z",
        },
        "intent": {
            "goal_statement": "Customers order bread the evening before",
            "motivation": "The queue at seven is too long",
            "success_definition": "Half of the bread is ordered before it is baked",
        },
        "scope": {"in_scope": ["path:shop/**"], "out_of_scope": ["path:shop/till/**"], "open_questions": []},
        "approach": {
            "overview": "A form first, then a list for the bakers",
            "rationale": "Both can be tried on one shelf",
            "steps": [
                {
                    "step_id": "form",
                    "title": "Make the form",
                    "description": "One page with the breads of tomorrow",
                    "delegation": "agent",
                    "acceptance_criteria": "An order is stored",
                },
                {
                    "step_id": "list",
                    "title": "Print the list",
                    "description": "What is to be baked, by oven",
                    "dependencies": ["form"],
                    "delegation": "human",
                },
            ],
        },
        "constraints": [],
        "success_criteria": [
            {
                "criterion_id": "half",
                "description": "Half of the bread is ordered",
                "verification": "automated",
                "weight": "primary",
            }
        ],
        "delegation": {
            "default_mode": "hybrid",
            "escalation_policy": {"on_ambiguity": "pause", "on_unexpected_scope": "fail"},
        },
        "revision_history": [
            {"revision": 1, "change_type": "major", "change_summary": "The first", "created_at": "2026-03-02T07:30:00Z"}
        ],
    }
    return value | changes


def plan(*nodes: Any, **graph: Any) -> Any:
    """A Plan of some nodes, each a name or a mapping."""
    written = [{"id": node, "kind": "Task", "name": node} if isinstance(node, str) else node for node in nodes]
    return {
        "apiVersion": "planspec.io/v1alpha1",
        "kind": "Plan",
        "metadata": {"name": "bake", "namespace": "shop"},
        "spec": {
            "goalRef": {"name": "bread"},
            "series": "bake",
            "version": "1",
            "description": "By hand",
            "graph": {"nodes": written, **graph},
        },
    }


def resource(kind: str, spec: Any) -> Any:
    return {
        "apiVersion": "planspec.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "bread", "namespace": "shop"},
        "spec": spec,
    }


def changed(value: Any, changes: dict[str, Any]) -> Any:
    """A copy in which the entries at some JSON pointers are others. ``-`` is behind the last one of a list."""
    value = copy.deepcopy(value)
    for pointer, new in changes.items():
        *above, last = pointer.split("/")[1:]
        holder = value
        for step in above:
            holder = holder[int(step)] if isinstance(holder, list) else holder.setdefault(step, {})
        if isinstance(holder, list):
            holder[int(last) if last != "-" else len(holder) :] = [new]
        elif new is GONE:
            del holder[last]
        else:
            holder[last] = new
    return value


def found(value: Any, name: str = "case.planspec.json", level: str = "readiness") -> list[tuple[str, str]]:
    """Code and pointer of everything that is wrong with a value, as a file would hold it."""
    text = planspec.dumps(planspec.Document(value), format="json")
    return [(one.code, str(one.pointer)) for one in planspec.validate_text(text, name=name, level=level)]
