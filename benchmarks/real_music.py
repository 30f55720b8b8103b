"""What is trained on where real music is measured? All of a folder of licence-clean music, by the front door.

    python -m benchmarks.real_music ../shared/data --home FOLDER

The pieces enter a catalogue with their terms, are cleared, and become a corpus, as any company's would: the
OpenScore Lieder Corpus (CC0), Polish Music Heritage in Open Access (CC BY 4.0) and the pieces of the Mutopia
Project that say Public Domain or CC BY.
"""

import argparse
import csv
from datetime import date
from pathlib import Path

from benchmarks.pack_demo_scores import Limits, pieces
from catalog.vocabulary import Origin, Purpose
from console.demo.sources import RIGHTS_COLUMNS, RIGHTS_FILE
from console.home import Access, Home, open_home
from console.progress import progress
from console.settings import load_settings
from console.steps.catalogue import import_into
from console.steps.corpora import build
from provenance.corpus.build import BuiltCorpus
from provenance.corpus.plan import Order

# Life + 70 years: free in the European Union in 2026.
EVERYTHING = Limits(1955, 10_000, 10_000, 10_000, 10_000, 30_000, 40_000)
ON = date(2026, 10, 1)


def write_folder(data: Path, folder: Path) -> int:
    """The pieces with their table of rights; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (folder / RIGHTS_FILE).open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, RIGHTS_COLUMNS, lineterminator="\n", restval="", extrasaction="ignore")
        table.writeheader()
        for row, content in pieces(data, EVERYTHING):
            (folder / row["file"]).write_bytes(content)
            basis = f"“{row['quote']}” ({row['quoted_from'] or 'in the file itself'})"
            told = {"work_number": Path(row["file"]).stem, "origin": "human", "licence_basis": basis,
                    "source_kind": "public_dataset"}  # fmt: skip
            table.writerow({**row, **told})
            count += 1
    return count


def real_corpus(data: Path, home: Home) -> BuiltCorpus:
    """The corpus of all the music that is cleared for training in the European Union."""
    folder = home.folder("inputs")
    if not (folder / RIGHTS_FILE).exists():
        write_folder(data, folder)
    import_into(home, "folder", folder, origin=Origin.HUMAN)
    with progress("Building the corpus") as advance:
        return build(home, Order(Purpose.TRAIN, "EU", ON), advance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    args = parser.parse_args()
    with open_home(load_settings(args.home, {}), Access.WRITE) as home:
        corpus = real_corpus(args.data, home)
    works = len({file.leaf.work_id for file in corpus.files})
    print(f"{corpus.directory}: {works} works, {corpus.manifest['examples']} examples")


if __name__ == "__main__":
    main()
