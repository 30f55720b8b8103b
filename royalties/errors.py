"""What can the world refuse the money?"""

from collections.abc import Sequence

from catalog.findings import Finding


class RoyaltiesError(Exception):
    """The base of everything that royalties refuses."""


class MoneyRangeError(RoyaltiesError):
    """An amount does not fit into the 64 bits in which the database keeps it."""


class CurrencyMismatchError(RoyaltiesError):
    """Amounts of different currencies met."""


class MissingRateError(CurrencyMismatchError):
    """Usage cannot be converted; every rate that nobody said is in `findings`."""

    def __init__(self, period: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.message}" for finding in findings)
        super().__init__(
            f"usage of {period} cannot be converted, {len(findings)} direct rates are missing: import them "
            f"with 'contrafact royalties rates FILE':\n{lines}"
        )


class PolicyRefusedError(RoyaltiesError):
    """A policy has faults; all of them are in `findings`."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        super().__init__(f"{where} is no valid policy ({len(findings)} faults):\n{lines}")


class PricesRefusedError(RoyaltiesError):
    """A price list has faults; all of them are in `findings`."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        super().__init__(f"{where} is no valid price list ({len(findings)} faults):\n{lines}")


class PaymentRefusedError(RoyaltiesError):
    """Bank data, an order or a bank's answer cannot be used; every reason is in `findings`."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        super().__init__(f"{where} cannot be used ({len(findings)} findings):\n{lines}")


class TermsRefusedError(RoyaltiesError):
    """A file of payees' terms has faults; all of them are in `findings`."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        super().__init__(f"{where} has no valid terms ({len(findings)} faults):\n{lines}")


class UsageStoreError(RoyaltiesError):
    """The folder of accepted usage lines does not hold what the database says."""


class AttributionRefusedError(RoyaltiesError):
    """An attribution is not a division of 1,000,000 ppm."""


class NothingToDistributeError(RoyaltiesError):
    """The period has no usage, or its refunds exceed its revenue."""


class PeriodAlreadyRunError(RoyaltiesError):
    """The period was distributed before, from other inputs."""

    state = "was already distributed"
    advice = "A posted run is never replaced: close the period, and restate it"

    def __init__(self, period: str, run_id: str, changed: Sequence[str]) -> None:
        self.run_id = run_id
        self.changed = tuple(changed)
        super().__init__(
            f"{period} {self.state} by {run_id}, and what goes into it has changed since: "
            f"{', '.join(changed)}. {self.advice} ('contrafact royalties restate --period {period}')."
        )


class PeriodClosedError(PeriodAlreadyRunError):
    """The period was distributed from other inputs, and closed."""

    state = "is closed, distributed"
    advice = "Nothing is posted in a closed period: restate it, which posts the difference in an open one"


class CloseRefusedError(RoyaltiesError):
    """The period was not run, or an earlier one is open."""


class NotApprovedError(CloseRefusedError):
    """Two people have not approved what would be closed."""


class ApprovalRefusedError(RoyaltiesError):
    """A person cannot be enrolled or removed, or cannot approve or reject this."""


class RestateRefusedError(RoyaltiesError):
    """The period is still open, or the one to post in is not."""


class PayRefusedError(RoyaltiesError):
    """The period is not closed, so that nothing of it is payable yet."""


class LedgerError(RoyaltiesError):
    """A posting or a run breaks an invariant of the ledger, and was not written."""


class NotFoundError(RoyaltiesError):
    """No such run, payee or line."""


class BulkRefusedError(RoyaltiesError):
    """A bulk distribution cannot be made, or does not hold; every reason is in `findings`."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding.where}: {finding.message}" for finding in findings)
        super().__init__(f"{where} cannot be used ({len(findings)} findings):\n{lines}")
