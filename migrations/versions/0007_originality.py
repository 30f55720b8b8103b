"""What each generation shares at most with a work of its corpus; nothing for those made before."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("generation", sa.Column("originality", sa.JSON(none_as_null=True), nullable=True))
