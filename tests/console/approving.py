"""Two people with keys of their own, for tests that close a month, and what the bank received for it."""

import csv
from collections import Counter
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PEOPLE = ("Ada Example", "Bert Example")


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a new key: private, and public."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    private.chmod(0o600)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def two_approve(command, folder: Path, period: str) -> None:
    """Enrols two people by their commands, at the first call, and has both approve a month.

    Args:
        command: runs `contrafact royalties` with words and returns the exit code first.
    """
    for number, name in enumerate(PEOPLE):
        private, public = folder / f"approver-{number}.pem", folder / f"approver-{number}.pub.pem"
        if not private.exists():
            make_key(folder, f"approver-{number}")
        assert command("approvers", "add", name, "--public-key", str(public))[0] == 0
        assert command("approve", "--period", period, "--as", name, "--key", str(private))[0] == 0


def approvers_in(folder: Path) -> dict[str, str]:
    """The files of two people's keys in a folder by their names there, made once."""
    for name in ("FIRST", "SECOND"):
        if not (folder / f"{name}.pem").exists():
            make_key(folder, name)
    files = (f"{name}.{kind}" for name in ("FIRST", "SECOND") for kind in ("pem", "pub.pem"))
    return {name: str(folder / name) for name in files}


def receipts_for(usage: Path, period: str, out: Path) -> str:
    """A file of receipts that pay every service's revenue in a usage file to the unit."""
    sums: Counter[tuple[str, str]] = Counter()
    with usage.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sums[row["service"], row["currency"]] += int(row["revenue_minor"])
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["received_on", "service", "reference", "period", "currency", "amount_minor"])
        for (service, currency), minor in sorted(sums.items()):
            writer.writerow(["2026-11-10", service, "R1", period, currency, minor])
    return str(out)
