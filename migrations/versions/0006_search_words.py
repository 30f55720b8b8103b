"""The words of the catalogue, for slips of the finger, and on PostgreSQL an index of every work's words."""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

AT_ONCE = 10_000


def upgrade() -> None:
    op.create_table(
        "search_word",
        sa.Column("word", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("num_works", sa.Integer(), nullable=False),
        sa.CheckConstraint("num_works >= 0", name=op.f("ck_search_word_num_works_counts")),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_word")),
    )
    count_words()
    if op.get_bind().dialect.name == "postgresql":
        keep_words()


def count_words() -> None:
    """What an import keeps in step from now on."""
    works: Counter[str] = Counter()
    for titles, names in op.get_bind().execute(sa.text("SELECT titles, names FROM search_entry")):
        works.update({word for word in f"{titles} {names}".split() if word.isalpha()})
    insert = sa.text("INSERT INTO search_word (word, num_works) VALUES (:word, :num_works)")
    rows = [{"word": word, "num_works": count} for word, count in sorted(works.items())]
    for start in range(0, len(rows), AT_ONCE):
        op.get_bind().execute(insert, rows[start : start + AT_ONCE])


def keep_words() -> None:
    """SQLite has its full-text index; PostgreSQL keeps each work's words by weight, and an index."""
    weighed = " || ".join(
        f"setweight(to_tsvector('simple', {column}), '{weight}')"
        for column, weight in (("identifiers", "A"), ("titles", "B"), ("names", "C"))
    )
    op.execute(f"ALTER TABLE search_entry ADD COLUMN words tsvector GENERATED ALWAYS AS ({weighed}) STORED")
    op.execute("CREATE INDEX ix_search_entry_words ON search_entry USING gin (words)")
