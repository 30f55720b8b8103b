"""Which fields has the Template for the Public Summary of Training Content, in its order and words?

Source: European Commission, Communication C(2025) 8311 (Article 53(1)(d) of Regulation (EU) 2024/1689). The
field numbers follow the AIAL rubric (Blankvoort, Pandit, Gahntz, 2026), which numbers what the form titles.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldSpec:
    """One field of the form; `optional` fields may stay empty."""

    id: str
    section: str
    heading: str
    optional: bool = False


SECTIONS: tuple[tuple[str, str], ...] = (
    ("0", "Template for the Public Summary of Training Content"),
    ("1", "General information"),
    ("1.1", "Provider identification"),
    ("1.2", "Model identification"),
    ("1.3", "Modalities, overall training data size and other characteristics"),
    ("2", "List of data sources"),
    ("2.1", "Publicly available datasets"),
    ("2.2", "Private non-publicly available datasets obtained from third parties"),
    ("2.2.1", "Datasets commercially licensed by rightsholders or their representatives"),
    ("2.2.2", "Private datasets obtained from other third parties"),
    ("2.3", "Data crawled and scraped from online sources"),
    ("2.4", "User data"),
    ("2.5", "Synthetic data"),
    ("2.6", "Other sources of data"),
    ("3", "Data processing aspects"),
    ("3.1", "Respect of reservation of rights from text and data mining exception or limitation"),
    ("3.2", "Removal of illegal content"),
    ("3.3", "Other information (optional)"),
)

MODALITIES = ("Text", "Image", "Audio", "Video", "Other")

SIZE_BANDS: dict[str, tuple[str, ...]] = {
    "Text": ("Less than 1 billion tokens", "1 billion to 10 trillion tokens", "More than 10 trillion tokens"),
    "Image": ("Less than 1 million images", "1 million to 1 billion images", "More than 1 billion images"),
    "Audio": ("Less than 10 000 hours", "10 000 to 1 million hours", "More than 1 million hours"),
    "Video": ("Less than 10 000 hours", "10 000 to 1 million hours", "More than 1 million hours"),
    "Other": (),
}

_MODALITY_ASKED = "If yes, specify the modality(ies) of the content covered by the datasets concerned"
_COMMENTS = "Additional comments (optional)"

# One line a field: number, heading. A heading that ends in "(optional)" may stay empty.
_LINES = (
    ("0.a", "Version of the Summary"),
    ("0.b", "Last update"),
    ("1.1.a", "Provider name and contact details"),
    ("1.1.b", "Authorised representative name and contact details"),
    ("1.2.a", "Versioned model name(s)"),
    ("1.2.b", "Model dependencies"),
    ("1.2.c", "Date of placement of the model on the Union market"),
    ("1.3.a", "Modality"),
    ("1.3.b", "Training data size"),
    ("1.3.c", "Types of content"),
    ("1.3.d", "Latest date of data acquisition/collection for model training"),
    ("1.3.e", "Description of the linguistic characteristics of the overall training data"),
    ("1.3.f", "Other relevant characteristics of the overall training data"),
    ("1.3.g", _COMMENTS),
    ("2.1.a", "Have you used publicly available datasets to train the model?"),
    ("2.1.b", _MODALITY_ASKED),
    ("2.1.c", "List of large publicly available datasets"),
    ("2.1.d", "General description of other publicly available datasets not listed above"),
    ("2.1.e", _COMMENTS),
    ("2.2.1.a", "Have you concluded transactional commercial licensing agreement(s) with rightsholder(s) "
                "or with their representatives?"),
    ("2.2.1.b", _MODALITY_ASKED),
    ("2.2.1.c", _COMMENTS),
    ("2.2.2.a", "Have you obtained private datasets from third parties that are not licensed as "
                "described in Section 2.2.1, such as data obtained from providers of private databases, "
                "or data intermediaries?"),
    ("2.2.2.b", _MODALITY_ASKED),
    ("2.2.2.c", "If publicly known, list private datasets obtained from other third parties"),
    ("2.2.2.d", "General description of non-publicly known private datasets obtained from third parties"),
    ("2.2.2.e", _COMMENTS),
    ("2.3.a", "Were crawlers used by the provider or on behalf of?"),
    ("2.3.b", "If yes, specify crawler name(s)/identifier(s)"),
    ("2.3.c", "Purposes of the crawler(s)"),
    ("2.3.d", "General description of crawler behaviour"),
    ("2.3.e", "Period of data collection"),
    ("2.3.f", "Comprehensive description of the type of content and online sources crawled"),
    ("2.3.g", "Type of modality covered"),
    ("2.3.h", "Summary of the most relevant domain names crawled"),
    ("2.3.i", _COMMENTS),
    ("2.4.a", "Was data from user interactions with the AI model (e.g. user input and prompts) used to "
              "train the model?"),
    ("2.4.b", "Was data collected from user interactions with the provider's other services or products "
              "used to train the model?"),
    ("2.4.c", "If yes, provide a general description of the provider's services or products that were "
              "used to collect the user data"),
    ("2.4.d", "Type of modality covered"),
    ("2.4.e", _COMMENTS),
    ("2.5.a", "Was synthetic AI-generated data created by the provider or on their behalf to train the "
              "model?"),
    ("2.5.b", "If yes, modality of the synthetic data"),
    ("2.5.c", "If yes, specify the general-purpose AI model(s) used to generate the synthetic data if "
              "available on the market"),
    ("2.5.d", "Information about other AI models, including provider's own AI model(s) not available on "
              "the market, used to generate synthetic data to train the model to which this Summary "
              "applies"),
    ("2.5.e", _COMMENTS),
    ("2.6.a", "Have data sources other than those described in Sections 2.1 to 2.5 been used to train "
              "the model?"),
    ("2.6.b", "If yes, provide a narrative description of these data sources and the data"),
    ("2.6.c", _COMMENTS),
    ("3.1.a", "Are you a Signatory to the Code of Practice for general-purpose AI models that includes "
              "commitments to respect reservations of rights from the TDM exception or limitation?"),
    ("3.1.b", "Describe the measures implemented before model training to respect reservations of rights "
              "from the TDM exception or limitation before and during data collection, including the "
              "opt-out protocols and solutions honoured by the provider or, as applicable, by third "
              "parties from which datasets have been obtained"),
    ("3.1.c", _COMMENTS),
    ("3.2.a", "General description of measures taken"),
    ("3.3.a", "Other relevant information about data processing (optional)"),
)  # fmt: skip

FIELDS: tuple[FieldSpec, ...] = tuple(
    FieldSpec(number, number.rpartition(".")[0], heading, heading.endswith("(optional)"))
    for number, heading in _LINES
)
SPECS: dict[str, FieldSpec] = {field.id: field for field in FIELDS}

# The questions of section 2 that are answered by Yes or No, each with the fields that a Yes must fill.
FOLLOW_UPS: dict[str, tuple[str, ...]] = {
    "2.1.a": ("2.1.b",),
    "2.2.1.a": ("2.2.1.b",),
    "2.2.2.a": ("2.2.2.b",),
    "2.3.a": ("2.3.b", "2.3.c", "2.3.d", "2.3.e", "2.3.f", "2.3.g", "2.3.h"),
    "2.4.a": ("2.4.d",),
    "2.4.b": ("2.4.c", "2.4.d"),
    "2.5.a": ("2.5.b",),
    "2.6.a": ("2.6.b",),
}
MODALITY_FIELDS = ("2.1.b", "2.2.1.b", "2.2.2.b", "2.3.g", "2.4.d", "2.5.b")
