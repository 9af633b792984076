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

__all__ = [
    "Document",
    "Finding",
    "Level",
    "ReadError",
    "dump",
    "dumps",
    "load",
    "load_all",
    "loads",
    "loads_all",
    "validate",
    "validate_file",
    "validate_text",
]
