"""What does the provider state that no record can show? Read from a TOML file.

Everything may be left out: what is left out is to be provided. A key that is not known is a fault, so that a
misspelt attestation is not taken for one that was not made.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from catalog.findings import Finding
from provenance.disclosures.answers import Choice
from provenance.errors import ProviderFileError


def _choice(value: object) -> object:
    """A member for `"yes"` and `"no"`; a bare true or false is refused as a slip of the pen."""
    return Choice(value) if value in ("yes", "no") else value


YesNo = Annotated[Choice, BeforeValidator(_choice)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Month = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])/\d{4}$")]


class Part(BaseModel):
    """A table of the file: nothing converted, nothing that is not known."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Contact(Part):
    """Somebody who can be written to."""

    name: Text
    contact: Text


class ProviderPart(Part):
    """Who places the model on the market."""

    name: Text | None = None
    contact: Text | None = None
    established_in_union: YesNo | None = None
    authorised_representative: Contact | None = None
    invented: bool = False


class Link(Part):
    """A thing with an address; `version` where it has one."""

    name: Text
    url: Text | None = None
    version: Text | None = None

    def line(self) -> str:
        """The thing in one line."""
        name = f"{self.name} {self.version}" if self.version else self.name
        return f"{name}: {self.url}" if self.url else name


class SummaryPart(Part):
    """The document itself."""

    version: Text | None = None
    previous_versions: list[Link] | None = None
    published_at: Text | None = None


class ModelPart(Part):
    """The model. An empty list of dependencies states that there is none."""

    names: list[Text] = []
    documentation: list[Link] = []
    dependencies: list[Link] | None = None
    placed_on_union_market_on: date | None = None
    continuously_trained: YesNo | None = None
    comments: Text | None = None


class CharacteristicsPart(Part):
    """What is known of the training data beside what is on record."""

    regional: Text | None = None
    demographic: Text | None = None
    comments: Text | None = None


class PublicPart(Part):
    """Publicly available datasets."""

    used: YesNo | None = None
    large: list[Text] = []
    description: Text | None = None
    comments: Text | None = None


class LicensedPart(Part):
    """Commercial licences."""

    concluded: YesNo | None = None
    comments: Text | None = None


class PrivatePart(Part):
    """Private datasets of other third parties."""

    obtained: YesNo | None = None
    publicly_known: list[Link] = []
    description: Text | None = None
    comments: Text | None = None


class Crawler(Part):
    """A crawler, what for, and from which to which month."""

    name: Text
    purpose: Text
    first_month: Month
    last_month: Month


class CrawledPart(Part):
    """Crawling."""

    used: YesNo | None = None
    crawlers: list[Crawler] = []
    behaviour: Text | None = None
    description: Text | None = None
    domains: list[Text] = []
    comments: Text | None = None


class UserPart(Part):
    """Data of users."""

    model_interactions: YesNo | None = None
    other_services: YesNo | None = None
    services: Text | None = None
    comments: Text | None = None


class SyntheticPart(Part):
    """Data that AI models generated."""

    used: YesNo | None = None
    gpai_models: list[Link] = []
    other_models: Text | None = None
    comments: Text | None = None


class OtherPart(Part):
    """Other sources."""

    used: YesNo | None = None
    description: Text | None = None
    comments: Text | None = None


class MeasuresPart(Part):
    """How rights and law were respected."""

    code_of_practice_signatory: YesNo | None = None
    reservations: Text | None = None
    illegal_content: Text | None = None
    copyright_policy: Text | None = None
    other: Text | None = None


class ScopePart(Part):
    """Whether the model is one of general purpose, and who decided that."""

    general_purpose: YesNo | None = None
    decided_by: Text | None = None
    reason: Text | None = None


class Provider(Part):
    """Everything that a provider file can state."""

    provider: ProviderPart = ProviderPart()
    summary: SummaryPart = SummaryPart()
    model: ModelPart = ModelPart()
    characteristics: CharacteristicsPart = CharacteristicsPart()
    public: PublicPart = PublicPart()
    licensed: LicensedPart = LicensedPart()
    private: PrivatePart = PrivatePart()
    crawled: CrawledPart = CrawledPart()
    user: UserPart = UserPart()
    synthetic: SyntheticPart = SyntheticPart()
    other: OtherPart = OtherPart()
    measures: MeasuresPart = MeasuresPart()
    scope: ScopePart = ScopePart()


def read_provider(path: Path) -> Provider:
    """What the file states.

    Raises:
        ProviderFileError: it cannot be read; every fault is in `findings`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProviderFileError(f"The provider file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ProviderFileError(f"The provider file {path} is not UTF-8 text: {error.reason}.") from error
    return parse_provider(text, str(path))


def parse_provider(text: str, name: str = "provider file") -> Provider:
    """What the text of a provider file states; raises as `read_provider`."""
    try:
        return Provider.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProviderFileError(f"The {name} is not TOML: {error}.") from error
    except ValidationError as error:
        findings = [
            Finding(
                "PROVIDER_FILE", ".".join(map(str, fault["loc"])), f"{fault['msg']}, found {fault['input']!r}"
            )
            for fault in error.errors()
        ]
        listed = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        raise ProviderFileError(f"{name} has {len(findings)} faults:\n{listed}", findings) from error
