"""What can the world refuse the catalogue?"""


class CatalogError(Exception):
    """The base of everything that the catalogue refuses."""


class NotFoundError(CatalogError):
    """Something was named that the catalogue does not hold."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"No {what} '{name}' in this catalogue. Look it up with 'contrafact catalog search', "
            "or import it first."
        )


class UnknownTerritoryError(CatalogError):
    """A territory is neither an ISO 3166 code nor a CISAC TIS code or group."""


class UnknownGenreError(CatalogError):
    """A genre is none of the 48 of the taxonomy."""


class DigestMismatchError(CatalogError):
    """A stored file is no longer the file that its name says."""


class UnreadableFileError(CatalogError):
    """A file cannot be opened, or is not of the format that was named."""


class GrantRefusedError(CatalogError):
    """A grant or an agreement contradicts itself or what is on record."""
