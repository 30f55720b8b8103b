"""Which cells do the records of a DDEX sales report have, and which of them say what was used for how much?

The tables are those of the schemas of DDEX: Basic Audio Profile 1.2 (and its single-record variant), Royalty
Reporting Profile 1.0.1, Financial Reporting to Record Companies Profile SRB 1.0. `?` marks a cell that may be
empty, `*` one that may hold several values. The first cell of each record, its type, is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

_HEAD = """
HEAD
    MessageVersion Profile ProfileVersion MessageId MessageCreatedDateTime FileNumber NumberOfFiles
    UsageStartDate UsageEndDate SenderPartyId SenderName ServiceDescription? RecipientPartyId?
    RecipientName? RepresentedRepertoire?*
"""

_RELEASE_AND_WORK = """
RE01
    BlockId ReleaseReference DspReleaseId ProprietaryReleaseId?* CatalogNumber? ICPN? DisplayArtistName
    DisplayArtistPartyId? Title SubTitle? ReleaseType? Label? PLine? DataProvider?
MW01.01
    BlockId DspWorkId ISWC? Title SubTitle? ComposerAuthor?* ComposerAuthorPartyId?* Arranger?*
    ArrangerPartyId?* MusicPublisher?* MusicPublisherPartyId?* WorkContributor?* WorkContributorPartyId?*
    DataProvider? ProprietaryWorkId?
"""

_BASIC_SUMMARIES = """
SY01.01
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel UseType Territory
    ServiceDescription? Usages Subscribers? CurrencyOfReporting NetRevenue IndirectNetRevenue?
    CurrencyOfTransaction? ExchangeRate?
SY02.02
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel UseType Territory
    ServiceDescription Usages Users? CurrencyOfReporting NetRevenue RightsController?
    RightsControllerPartyId? AllocatedUsages?* AllocatedRevenue?* AllocatedNetRevenue? RightsType?
    ContentCategory CurrencyOfTransaction? ExchangeRate? RightsTypePercentage?
SY04.01
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel UseType Territory
    ServiceDescription SubscriberType Subscribers SubPeriodStartDate? SubPeriodEndDate? UsagesInSubPeriod?
    UsagesInReportingPeriod? CurrencyOfReporting CurrencyOfTransaction? ExchangeRate?
    ConsumerPaidUnitPrice NetRevenue MusicUsagePercentage
SY05.02
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel UseType Territory
    ServiceDescription? RightsController? RightsControllerPartyId? RightsType TotalUsages?
    AllocatedUsages?* MusicUsageRatio? AllocatedNetRevenue?* AllocatedRevenue?
    RightsControllerMarketShare? CurrencyOfReporting? CurrencyOfTransaction? ExchangeRate? SubscriberType?
    SubPeriodStartDate? SubPeriodEndDate? ContentCategory RightsTypePercentage?
"""

_BASIC_BLOCK = """
FOOT
    NumberOfLinesInFile NumberOfLinesInReport? NumberOfSummaryRecords NumberOfBlocksInFile
    NumberOfBlocksInReport?
RE02
    BlockId ReleaseReference DspSubReleaseId ProprietarySubReleaseId?* UsedResources*
AS01.01
    BlockId ResourceReference DspResourceId ISRC?* Title SubTitle? DisplayArtistName DisplayArtistPartyId?
    Duration? ResourceType IsMasterRecording?
AS02.02
    BlockId ResourceReference DspResourceId ISRC?* Title SubTitle? DisplayArtistName DisplayArtistPartyId?
    Duration? ResourceType ISWC? ComposerAuthor?* ComposerAuthorPartyId?* Arranger?* ArrangerPartyId?*
    MusicPublisher?* MusicPublisherPartyId?* WorkContributor?* WorkContributorPartyId?* ProprietaryWorkId?
    IsMasterRecording?
SU01
    BlockId SummaryRecordId SalesTransactionId TransactedRelease? TransactedResource? IsRoyaltyBearing
    SalesUpgrade Usages Returns PriceConsumerPaidExcSalesTax? PromotionalActivity?
SU02
    BlockId SummaryRecordId SalesTransactionId TransactedRelease? TransactedResource? IsRoyaltyBearing?
    NumberOfStreams PriceConsumerPaidExcSalesTax? PromotionalActivity?
"""

_BASIC_SINGLE = """
SY06.02
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel UseType Territory
    ServiceDescription Usages Subscribers? CurrencyOfReporting NumberOfReleases? NetRevenue?
    IndirectNetRevenue? PreviewAvailable? CurrencyOfTransaction? ExchangeRate? ViewingHours?
SR01
    SummaryRecordId DspResourceId ISRC? ResourceTitle ResourceSubTitle? ResourceDisplayArtistName
    ResourceDisplayArtistPartyId? Duration? ResourceType ProprietaryWorkId? ISWC? ComposerAuthor?*
    ComposerAuthorPartyId?* Arranger?* ArrangerPartyId?* MusicPublisher?* MusicPublisherPartyId?*
    WorkContributor?* WorkContributorPartyId?* DspReleaseId? ProprietaryReleaseId?* ReleaseCatalogNumber?
    ICPN? ReleaseDisplayArtistName ReleaseDisplayArtistPartyId? ReleaseTitle ReleaseSubTitle? ReleaseType?
    ReleaseLabel? PLine? ReleaseDataProvider? NumberOfTransactedResources SalesTransactionId
    IsRoyaltyBearing SalesUpgrade Downloads Returns PriceConsumerPaidExcSalesTax?
    CalculatedPriceConsumerPaidForResourceExcSalesTax? PromotionalActivity?
SR02
    SummaryRecordId DspResourceId ISRC? ResourceTitle ResourceSubTitle? ResourceDisplayArtistName
    ResourceDisplayArtistPartyId? Duration? ResourceType ProprietaryWorkId? ISWC? ComposerAuthor?*
    ComposerAuthorPartyId?* Arranger?* ArrangerPartyId?* MusicPublisher?* MusicPublisherPartyId?*
    WorkContributor?* WorkContributorPartyId?* DspReleaseId? ProprietaryReleaseId?* ReleaseCatalogNumber?
    ICPN? ReleaseDisplayArtistName ReleaseDisplayArtistPartyId? ReleaseTitle ReleaseSubTitle? ReleaseType?
    ReleaseLabel? PLine? ReleaseDataProvider? SalesTransactionId IsRoyaltyBearing NumberOfStreams
    PromotionalActivity?
"""

_SINGLE_RECORD_FOOT = """
SRFO
    NumberOfLinesInReport NumberOfSummaryRecords
"""

_ROYALTY_REPORTING = """
FOOT
    NumberOfLinesInFile NumberOfLinesInReport? NumberOfSummaryRecords NumberOfBlocksInFile
    NumberOfBlocksInRecord?
SY07
    SummaryRecordId DistributionChannel? DistributionChannelDPID? CommercialModel? UseType? Territory
    RightsType ServiceDescription? Usages Users? Currency NetRevenue? RightsController?
    RightsControllerPartyId? AllocatedUsages?* AllocatedRevenue AllocatedNetRevenue
AS01
    BlockId ResourceReference DspResourceId ISRC? Title SubTitle? DisplayArtistName DisplayArtistPartyId?
    Duration ResourceType
AS02.01
    BlockId ResourceReference DspResourceId ISRC? Title SubTitle? DisplayArtistName DisplayArtistPartyId?
    Duration ResourceType ISWC? ComposerAuthor?* ComposerAuthorPartyId?* Arranger?* ArrangerPartyId?*
    MusicPublisher?* MusicPublisherPartyId?* WorkContributor?* WorkContributorPartyId?* ProprietaryWorkId?
RU01
    BlockId SummaryRecordId DspReleaseId* Usages*
RU02
    BlockId SummaryRecordId DspReleaseId ReleaseTitle ReleaseURL Usages
SU03.01
    BlockId SalesTransactionId SummaryRecordId? DspReleaseId Usages? NetRevenue ValidityPeriodStart?
    ValidityPeriodEnd?
LI01
    BlockId SummaryRecordId? RightsController RightsControllerPartyId? RightsControllerWorkId?
    RightSharePercentage RightsType? AllocatedNetRevenue AllocatedAmount
"""

_FINANCIAL_REPORTING = """
SY10
    SummaryRecordId DistributionChannelName? DistributionChannelDPID? CommercialModel UseType
    ReportingPeriodStartDate ReportingPeriodEndDate SubscriberType? Subscribers? ActiveSubscribers?
    PromotionalActivity? Territory ServiceDescription? OfferType? Quality? Usages AllocatedUsages Returns
    MusicUsageRatio CurrencyOfTransaction CurrencyOfAccounting ExchangeRate ExchangeRateSource?
    DateOfCurrencyExchange? GrossRevenueInCurrencyOfTransaction? GrossRevenueInCurrencyOfAccounting?
    CalculationType?* CalculationValue?* DeductionType?* DeductionsInCurrencyOfTransaction*
    DeductionsInCurrencyOfAccounting* NetRevenueInCurrencyOfTransaction NetRevenueInCurrencyOfAccounting
    AllocatedRevenueInCurrencyOfTransaction AllocatedRevenueInCurrencyOfAccounting
    AllocatedNetRevenueInCurrencyOfTransaction AllocatedNetRevenueInCurrencyOfAccounting
    RightsControllerMarketShare? SubscriptionFeeInCurrencyOfTransaction?
    SubscriptionFeeInCurrencyOfAccounting UsageIndependentFeeType?*
    UsageIndependentFeeInCurrencyOfTransaction?* UsageIndependentFeeInCurrencyOfAccounting?*
    FinalTotalAmountInCurrencyOfTransaction FinalTotalAmountInCurrencyOfAccounting
SR08
    SalesTransactionId ReleaseGRid? ReleaseICPN? DspReleaseId LabelReleaseId? ProprietaryReleaseId?*
    ReleaseContextReleaseGRid? ReleaseType? ReleaseTitle? ReleaseSubTitle? ReleaseDisplayArtistName?
    ReleaseDisplayArtistPartyId? ResourceISRC? ResourceISAN? DspResourceId? LabelResourceId?
    ProprietaryResourceId?* ResourceContextReleaseGRid? ResourceType? ResourceTitle? ResourceSubTitle?
    ResourceDisplayArtistName? ResourceDisplayArtistPartyId? SummaryRecordId SalesTransactionDate
    TotalUsages Returns NetUsage WholesalePriceInCurrencyOfTransaction?
    WholesalePriceInCurrencyOfAccounting? SuggestedConsumerPriceInCurrencyOfTransaction?
    SuggestedConsumerPriceInCurrencyOfAccounting? PriceType? PriceRangeType?
    PriceConsumerPaidExcSalesTaxInCurrencyOfTransaction?
    PriceConsumerPaidExcSalesTaxInCurrencyOfAccounting? DeductionType?*
    DeductionsInCurrencyOfTransaction?* DeductionsInCurrencyOfAccounting?* RightSharePercentage
    CalculatedUnitPriceInCurrencyOfTransaction CalculatedUnitPriceInCurrencyOfAccounting
    AllocatedRevenueInCurrencyOfTransaction AllocatedRevenueInCurrencyOfAccounting
    AllocatedNetRevenueInCurrencyOfTransaction AllocatedNetRevenueInCurrencyOfAccounting
    CopyrightObligationWithDSP
DE01
    DealSpecificCell*
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A type of record: its cells in order, and how many of them a line must have."""

    type: str
    cells: tuple[str, ...]
    num_required: int

    def at(self, cell: str) -> int:
        """Where a cell is in its line, from 0."""
        return self.cells.index(cell)


@dataclass(frozen=True, slots=True)
class SummaryCells:
    """Which cells of a summary record say how much was used, and what that brought.

    `allocated`, where not empty, are cells that hold both for the recipient alone; they go first.
    """

    usages: str
    revenue: str
    currency: str = "Currency"
    allocated: tuple[str, str] | None = None
    ends_on: str = ""
    of_licensors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UsageCells:
    """Which cells of a record of usage say what, and how it names the resource.

    `counted` is what the summary's usages are the sum of, where that is another cell than `units`. Without
    `amount` a line's revenue is its part, by units, of the summary's. `resource` and `release` refer to
    records of the same block; without them the resource is in this record, or before it where `preceding`.
    """

    units: str
    counted: str = ""
    returns: str = ""
    amount: str = ""
    bearing: str = ""
    used_on: str = ""
    resource: str = ""
    release: str = ""
    preceding: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile in one version: its records, and which of them are summaries and usage."""

    name: str
    version: str
    records: Mapping[str, Record]
    summaries: Mapping[str, SummaryCells]
    usages: Mapping[str, UsageCells]
    foot: str = "FOOT"

    @property
    def has_blocks(self) -> bool:
        """Whether records belong together by a block's id in their second cell."""
        return self.foot == "FOOT"

    @property
    def by_amount(self) -> bool:
        """Whether lines say their revenue; else they share that of their summary by units."""
        return any(usage.amount for usage in self.usages.values())

    @property
    def by_preceding(self) -> bool:
        """Whether a usage is of the resource before it; else it refers to one, or names it itself."""
        return any(usage.preceding for usage in self.usages.values())


def _records(*tables: str) -> Mapping[str, Record]:
    records: dict[str, Record] = {}
    for table in tables:
        code = ""
        texts: dict[str, list[str]] = {}
        for line in table.strip("\n").split("\n"):
            code = line if line[0] != " " else code
            texts.setdefault(code, []).extend(line.split() if line[0] == " " else ["RecordType"])
        for code, marked in texts.items():
            required = [place for place, cell in enumerate(marked, start=1) if "?" not in cell]
            records[code] = Record(code, tuple(cell.rstrip("?*") for cell in marked), max(required))
    return records


_REPORTED = "CurrencyOfReporting"
_NET = "AllocatedNetRevenue"
_BASIC_MONEY = {
    "SY01.01": SummaryCells("Usages", "NetRevenue", _REPORTED),
    "SY02.02": SummaryCells("Usages", "NetRevenue", _REPORTED, allocated=("AllocatedUsages", _NET)),
}
_IN_BLOCK = UsageCells(
    "NumberOfStreams", bearing="IsRoyaltyBearing", resource="TransactedResource", release="TransactedRelease"
)

PROFILES: tuple[Profile, ...] = (
    Profile(
        "BasicAudioProfile",
        "1.2",
        _records(_HEAD, _RELEASE_AND_WORK, _BASIC_SUMMARIES, _BASIC_BLOCK),
        _BASIC_MONEY,
        {
            "SU01": replace(_IN_BLOCK, units="Usages", returns="Returns"),
            "SU02": _IN_BLOCK,
        },
    ),
    Profile(
        "BasicAudioProfileSRB",
        "1.2",
        _records(_HEAD, _BASIC_SUMMARIES, _BASIC_SINGLE, _SINGLE_RECORD_FOOT),
        _BASIC_MONEY,
        {
            "SR01": UsageCells("Downloads", returns="Returns", bearing="IsRoyaltyBearing"),
            "SR02": UsageCells("NumberOfStreams", bearing="IsRoyaltyBearing"),
        },
        foot="SRFO",
    ),
    Profile(
        "RoyaltyReportingProfile",
        "1.0.1",
        _records(_HEAD, _RELEASE_AND_WORK, _ROYALTY_REPORTING),
        {
            "SY07": SummaryCells(
                "Usages",
                "NetRevenue",
                of_licensors=(("AllocatedAmount", "AllocatedRevenue"), (_NET, _NET)),
            )
        },
        {"SU03.01": UsageCells("Usages", amount="NetRevenue", preceding=True)},
    ),
    Profile(
        "FinancialReportingToRecordCompaniesProfileSRB",
        "1.0",
        _records(_HEAD, _FINANCIAL_REPORTING, _SINGLE_RECORD_FOOT),
        {
            "SY10": SummaryCells(
                "AllocatedUsages",
                f"{_NET}InCurrencyOfAccounting",
                "CurrencyOfAccounting",
                ends_on="ReportingPeriodEndDate",
            )
        },
        {
            "SR08": UsageCells(
                "NetUsage",
                counted="TotalUsages",
                amount=f"{_NET}InCurrencyOfAccounting",
                used_on="SalesTransactionDate",
            )
        },
        foot="SRFO",
    ),
)
"""The profiles that are read. Another version may have its cells elsewhere and is refused."""


def find_profile(name: str, version: str) -> Profile | None:
    """The profile of this name in this version, if it is one that is read."""
    return next((each for each in PROFILES if (each.name, each.version) == (name, version)), None)
