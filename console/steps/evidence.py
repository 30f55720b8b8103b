"""From what is on record to a file that a stranger can check."""

from pathlib import Path

from catalog.files import write_atomically
from console.home import Home
from provenance.evidence.bundle import export_bundle


def export(home: Home, generation_id: str) -> Path:
    """The signed bundle of a generation as one file."""
    with home.session() as session:
        data = export_bundle(
            session,
            home.key,
            generation_id=generation_id,
            store=home.files,
            corpora=home.folder("corpora"),
        )
    path = home.folder("evidence") / f"{generation_id}.bundle.json"
    write_atomically(path, data)
    return path
