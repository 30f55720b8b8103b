"""Which tables make up the schema?"""

from importlib import import_module
from importlib.util import find_spec

from sqlalchemy import MetaData

from catalog.database import Base

MODULES = ("catalog.tables", "provenance.tables", "royalties.tables")


def whole_metadata() -> MetaData:
    """The metadata with the tables of every package."""
    for module in MODULES:
        if find_spec(module) is not None:
            import_module(module)
    return Base.metadata
