"""How did one line of a statement come to its amount?"""

from collections.abc import Callable

from royalties.bulk.posting import METHOD
from royalties.errors import NotFoundError
from royalties.money import format_minor
from royalties.policy import Measure, Policy
from royalties.statement_claims import claim_sentences
from royalties.statement_deltas import Restated, Version
from royalties.statement_files import statement_id
from royalties.statements import Statement, StatementLine


def explain_line(statement: Statement, line_no: int) -> list[str]:
    """The path of one amount, from the sale to the payee, as sentences with numbers to check by hand.

    Of a line that corrects an earlier month both versions are told.

    Raises:
        NotFoundError: the statement has no such line.
    """
    if not 1 <= line_no <= len(statement.lines):
        message = (
            f"statement {statement_id(statement)[:16]} has lines 1 to {len(statement.lines)}, not {line_no}"
        )
        raise NotFoundError(message)
    line, currency = statement.lines[line_no - 1], statement.run.currency

    def money(amount_minor: int) -> str:
        return f"{format_minor(amount_minor, currency)} {currency}"

    path = [f"Line {line_no}: {money(line.amount_minor)} to {statement.info.name}."]
    if line.restated is None:
        path += _version(statement, statement.policy, line, _as_stated(line), money)
        path += [*_converted(statement, line), *_work(line)]
        return [*path, f"Run {statement.run.id}, {_named(statement.policy)}."]
    path += _corrected(statement, line, line.restated, money)
    rates = [str(use.rate) for use in statement.restated_rates.get(line.restated.restatement, ())]
    path += [f"Usage in other currencies was converted by {', '.join(rates)}."] if rates else []
    return [*path, *_work(line)]


def _named(policy: Policy) -> str:
    return f"policy {policy.name} {policy.version} ({policy.digest[:16]})"


def _corrected(
    statement: Statement, line: StatementLine, restated: Restated, money: Callable[[int], str]
) -> list[str]:
    before, after, policy = restated.before, restated.after, restated.policy
    path = [
        f"It restates {restated.period}: restatement {restated.restatement} of run {restated.run}, "
        f"{_named(policy)}."
    ]
    if before is None:
        path.append("Before: the line was not stated.")
    else:
        path.append(f"Before, by {restated.supersedes}: {money(before.amount_minor)}.")
        path += [f"  {sentence}" for sentence in _version(statement, policy, line, before, money)]
    path.append(f"Now: {money(after.amount_minor)}.")
    if after.amount_minor:
        path += [f"  {sentence}" for sentence in _version(statement, policy, line, after, money)]
    return path


def _version(
    statement: Statement, policy: Policy, line: StatementLine, version: Version, money: Callable[[int], str]
) -> list[str]:
    path = []
    if line.generation or version.revenue_minor:
        pooled = "Generations without a reliable attribution"
        what = f"Generation {line.generation}" if line.generation else pooled
        sold = f"{version.units:,} uses in {line.territory} brought {money(version.revenue_minor)}"
        path.append(f"{what}: {sold}.")
    path.append(f"Pot {line.pot}, method {line.method}: {version.basis:,} of {version.basis_total:,}.")
    path += _weighed(policy, line)
    if line.method == METHOD:
        path.append(
            "It is a sum; its lines are computed from the run's folder: "
            f"contrafact royalties bulk lines DIR --attributions PACK --payee {statement.payee}."
        )
    if version.evidence:
        path.append(f"Evidence: {version.evidence}.")
    if line.work and not line.reason:
        right = policy.right_of(line.pot)
        path.append(f"Share: {version.share_ppm:,} ppm of the {right} right in {line.territory}.")
    return [*path, *claim_sentences(statement, line, version)]


def _weighed(policy: Policy, line: StatementLine) -> list[str]:
    """By what a pot weighs generations, where that is not their revenue."""
    pots = {pot.name: pot for pot in policy.pots}
    usage = pots[line.pot].usage if line.pot in pots else Measure.REVENUE
    if usage is Measure.REVENUE:
        return []
    what = "by how often it was used" if usage is Measure.UNITS else "by what its listeners brought"
    return [f"The pot weighs a generation {what}, not by its revenue."]


def _converted(statement: Statement, line: StatementLine) -> list[str]:
    """What of a generation's revenue was reported in another currency, and by which rates it counts."""
    rates = {use.number: use.rate for use in statement.rates}
    return [
        f"Of it, {use.service} reported {format_minor(use.original.revenue_minor, use.original.currency)} "
        f"{use.original.currency}, converted to {format_minor(use.revenue_minor, statement.run.currency)} "
        f"{statement.run.currency} by {', '.join(str(rates[number]) for number in use.original.rates)}."
        for use in statement.usage
        if use.original and (use.generation, use.territory) == (line.generation, line.territory)
    ]


def _work(line: StatementLine) -> list[str]:
    path = [f"Work {line.work} ({line.title})."] if line.work else []
    return [*path, f"Waits in suspense: {line.reason}."] if line.reason else path


def _as_stated(line: StatementLine) -> Version:
    return Version(
        basis=line.basis,
        basis_total=line.basis_total,
        share_ppm=line.share_ppm,
        units=line.units,
        revenue_minor=line.revenue_minor,
        amount_minor=line.amount_minor,
        evidence=line.evidence,
        role=line.role,
        on_behalf_of=line.on_behalf_of,
        agreement=line.agreement,
    )
