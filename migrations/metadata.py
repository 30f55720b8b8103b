"""Which tables make up the schema?"""

from sqlalchemy import MetaData

import catalog.mandate_tables
import catalog.release_tables
import catalog.tables
import provenance.tables
import royalties.bank_tables
import royalties.tables
import royalties.usage_tables
from catalog.database import Base

PACKAGES = (
    catalog.mandate_tables,
    catalog.release_tables,
    catalog.tables,
    provenance.tables,
    royalties.bank_tables,
    royalties.tables,
    royalties.usage_tables,
)  # importing them declares their tables


def whole_metadata() -> MetaData:
    """The metadata with the tables of every package."""
    return Base.metadata
