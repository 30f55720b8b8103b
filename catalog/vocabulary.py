"""Which closed lists of words does the catalogue use?"""

from enum import StrEnum


class Purpose(StrEnum):
    """What a work or a file is to be used for."""

    TRAIN = "train"
    GENERATE = "generate"
    EVALUATE = "evaluate"
    DISTRIBUTE = "distribute"


class Right(StrEnum):
    """Which part of copyright a share is of."""

    PERFORMING = "performing"
    MECHANICAL = "mechanical"
    SYNCHRONISATION = "synchronisation"


class ShareKind(StrEnum):
    """Who owns, who collects, and how the writers divided the work before any publisher came."""

    OWNERSHIP = "ownership"
    COLLECTION = "collection"
    MANUSCRIPT = "manuscript"


class Role(StrEnum):
    """What a party is to a work. The values are CWR's.

    Source: CWR 2.2, writer designation codes and publisher types; `PER` stands for the record of that name.
    """

    COMPOSER = "C"
    AUTHOR = "A"
    COMPOSER_AUTHOR = "CA"
    ARRANGER = "AR"
    ADAPTOR = "AD"
    TRANSLATOR = "TR"
    SUB_ARRANGER = "SR"
    SUB_AUTHOR = "SA"
    INCOME_PARTICIPANT = "PA"
    ORIGINAL_PUBLISHER = "E"
    ADMINISTRATOR = "AM"
    SUB_PUBLISHER = "SE"
    SUBSTITUTED_PUBLISHER = "ES"
    ACQUIRER = "AQ"
    PERFORMER = "PER"


PUBLISHER_ROLES = frozenset(
    {
        Role.ORIGINAL_PUBLISHER,
        Role.ADMINISTRATOR,
        Role.SUB_PUBLISHER,
        Role.SUBSTITUTED_PUBLISHER,
        Role.ACQUIRER,
    }
)


class PartyKind(StrEnum):
    """What an interested party is."""

    WRITER = "writer"
    PUBLISHER = "publisher"
    PERFORMER = "performer"
    OTHER = "other"


class Origin(StrEnum):
    """Who wrote a work: a person, or the rule-based house composer."""

    HUMAN = "human"
    HOUSE = "house"


class IdentifierScheme(StrEnum):
    """What kind of name a work goes by elsewhere."""

    SUBMITTER = "submitter"
    ISWC = "iswc"
    SOCIETY = "society"


class TitleKind(StrEnum):
    """Kinds of alternative titles. Source: CWR 2.2, title types."""

    ALTERNATIVE = "AT"
    FIRST_LINE = "TE"
    FORMAL = "FT"
    INCORRECT = "IT"
    ORIGINAL = "OT"
    TRANSLATED = "TT"
    PART = "PT"
    RESTRICTED = "RT"
    EXTRA_SEARCH = "ET"
    ORIGINAL_TRANSLATED = "OL"
    ALTERNATIVE_TRANSLATED = "AL"


class AcknowledgementStatus(StrEnum):
    """How a society answered a registration. Source: CWR 2.2, transaction status codes."""

    CONFLICT = "CO"
    DUPLICATE = "DU"
    TRANSACTION_ACCEPTED = "RA"
    REGISTRATION_ACCEPTED = "AS"
    ACCEPTED_WITH_CHANGES = "AC"
    READY_FOR_PAYMENT = "SR"
    READY_FOR_PAYMENT_WITH_CHANGES = "CR"
    REJECTED = "RJ"
    NO_PARTICIPATION = "NP"
    CLAIM_REJECTED = "RC"
    AGREEMENT_NUMBER_MISSING = "NA"
    AGREEMENT_NUMBER_WRONG = "WA"


class SourceKind(StrEnum):
    """Where data came from, in the classes of the EU template (Communication C(2025) 8311, section 2)."""

    PUBLIC_DATASET = "public_dataset"
    COMMERCIAL_LICENCE = "commercial_licence"
    OTHER_THIRD_PARTY = "other_third_party"
    CRAWLED = "crawled"
    USER_DATA = "user_data"
    SYNTHETIC = "synthetic"
    OTHER = "other"


class EncodingFormat(StrEnum):
    """In which notation a file holds a work."""

    MIDI = "midi"
    MUSICXML = "musicxml"
    HUMDRUM = "humdrum"
    ABC = "abc"


class GrantSubject(StrEnum):
    """What a grant is about: the work that was written, or a file that holds it."""

    COMPOSITION = "composition"
    ENCODING = "encoding"


class PostTerm(StrEnum):
    """What becomes of models trained under a grant when its term is over."""

    MODELS_STAY = "models_stay"
    MODELS_END = "models_end"


class GrantScope(StrEnum):
    """Which works a grant covers: all in which the licensor has something, or those that are listed."""

    ALL = "all"
    LISTED = "listed"


class MandateKind(StrEnum):
    """For what a party collects another's money: it administers, or it publishes in its own country."""

    ADMINISTRATION = "administration"
    SUB_PUBLISHING = "sub_publishing"


class ReservationProtocol(StrEnum):
    """How somebody said that a right is withheld."""

    TDMREP = "tdmrep"
    RSL = "rsl"
    ROBOTS = "robots"
    AIPREF = "aipref"
    CAWG = "cawg"
    LETTER = "letter"


class ImportFormat(StrEnum):
    """What can be imported."""

    CWR = "cwr"
    CSV = "csv"
    PARQUET = "parquet"
    FOLDER = "folder"
    ERN = "ern"
