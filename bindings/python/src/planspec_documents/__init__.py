"""PlanSpec 1.2 documents and ``planspec.io/v1alpha1`` resources: read, validate, look into, write again without loss.

>>> import planspec_documents as planspec
>>> document = planspec.loads('{"identity": {}, "intent": {}}')
>>> planspec.validate(document)[0].code
'PS101'
"""

from ._api import (
    Document,
    ReadError,
    dump,
    dumps,
    load,
    load_all,
    loads,
    loads_all,
    validate,
    validate_file,
    validate_text,
)
from ._findings import Finding, Level
from ._normal import Class
from ._views import (
    Assessment,
    Chain,
    Change,
    Edge,
    Graph,
    InvalidError,
    Node,
    Scope,
    Touched,
    Verdict,
    assess,
    chain,
    compare,
    graph,
    modes,
    scope,
    touched,
)

__all__ = [
    "Assessment",
    "Chain",
    "Change",
    "Class",
    "Document",
    "Edge",
    "Finding",
    "Graph",
    "InvalidError",
    "Level",
    "Node",
    "ReadError",
    "Scope",
    "Touched",
    "Verdict",
    "assess",
    "chain",
    "compare",
    "dump",
    "dumps",
    "graph",
    "load",
    "load_all",
    "loads",
    "loads_all",
    "modes",
    "scope",
    "touched",
    "validate",
    "validate_file",
    "validate_text",
]
