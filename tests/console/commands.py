"""Which commands are there, and which keys has each answer at least? Words in capitals stand for names."""

COMMANDS = (
    ("catalog show WORK", {"work"}),
    ("catalog search overcoat", {"hits"}),
    ("catalog clear WORK --purpose train --territory EU --on 2026-10-01", {"work", "cleared", "objections"}),
    (
        "catalog mandate --owner OWNER --collector COLLECTOR --kind administration --commission-ppm 50000 "
        "--agreement Example --territory WORLD --from 2030-01-01",
        {"mandate", "findings"},
    ),
    (
        "catalog dispute open WORK --party OWNER --share-ppm 1000 --right mechanical --territory WORLD "
        "--from 2030-01-01",
        {"dispute", "findings"},
    ),
    ("catalog audit --on 2026-10-01", {"findings", "counts"}),
    (
        "corpus build --purpose train --territory EU --on 2026-10-01",
        {"corpus", "merkle_root", "works", "examples", "excluded", "shards"},
    ),
    ("corpus prove CORPUS --work WORK", {"included", "proof"}),
    ("corpus prove CORPUS --work REFUSED", {"included", "proof"}),
    ("corpus verify PROOF", {"valid"}),
    ("model train CORPUS --preset lite --minutes 0.4 --seed 3", {"run", "checkpoint", "steps", "loss"}),
    ("model evaluate RUN --pieces 2 --minutes 0.6", {"metrics"}),
    (
        "generate --prompt hymn --minutes 0.25 --seed 3",
        {"generation", "midi", "musicxml", "audio", "tracks", "originality", "seconds"},
    ),
    (
        "edit GENERATION --infill 1-2 --seed 3",
        {"generation", "parent", "midi", "audio", "tracks", "seconds"},
    ),
    ("edit GENERATION --transpose 2", {"generation", "parent", "midi", "audio", "tracks", "seconds"}),
    ("provenance index RUN", {"index", "examples", "bytes", "seconds"}),
    ("provenance index RUN --processes 2", {"index", "examples", "bytes", "seconds"}),
    (
        "provenance attribute GENERATION",
        {
            "generation", "method", "shares", "holders", "unattributed_ppm", "segments", "tracks",
            "reliability", "similar",
        },
    ),
    ("provenance trace WORK", {"generations", "amount"}),
    ("royalties usage csv USAGE", {"batch", "lines", "quarantined", "findings"}),
    ("royalties usage dsr REPORT", {"batch", "lines", "quarantined", "findings"}),
    ("royalties policy explain gema_like", {"policy", "sentences", "findings"}),
    (
        "royalties run --period 2026-10 --policy stim_like",
        {"run", "currency", "pool_minor", "allocated_minor", "suspense_minor", "parties"},
    ),
    ("royalties statement --period 2026-10 --party PAYEE --format csv", {"statement", "files"}),
    (
        "royalties statement --period 2026-10 --party PAYEE --format dsr --sender-dpid PADPIDA2013020802I",
        {"statement", "files"},
    ),
    ("royalties statement --period 2026-10 --party PAYEE --format pdf", {"statement", "files", "findings"}),
    ("royalties rates RATES", {"batch", "rates", "findings"}),
    ("royalties releases RELEASES", {"batch", "releases", "findings"}),
    ("royalties register --period 2026-10", {"sent"}),
    ("royalties explain STATEMENT 1", {"line", "path"}),
    (
        "royalties advance --payee PAYEE --amount 1.00 --on 2026-10-01",
        {"advance", "payee", "amount_minor", "currency", "period", "outstanding_minor"},
    ),
    ("royalties account --payee PAYEE", {"payee", "balances", "terms"}),
    ("royalties bank-in RECEIPTS", {"batch", "receipts", "quarantined", "findings"}),
    ("royalties reconcile --period 2026-10", {"blocked", "compared", "payments", "ledger", "findings"}),
    ("royalties variance --period 2026-10", {"against", "changes", "outliers", "new_payees", "shares"}),
    ("royalties accruals", {"on", "unrun", "owed", "suspense", "projections"}),
    ("royalties ageing --on 2027-06-30", {"on", "held", "due", "unidentified", "source"}),
    ("royalties approvers add Ada --public-key FIRST.pub.pem", {"name", "key"}),
    ("royalties approvers add Bert --public-key SECOND.pub.pem", {"name", "key"}),
    ("royalties approve --period 2026-10 --as Ada --key FIRST.pem", {"subject", "approved", "missing"}),
    ("royalties approve --period 2026-10 --as Bert --key SECOND.pem", {"subject", "approved", "missing"}),
    ("royalties approvals --period 2026-10", {"approved", "approved_by", "approvals", "subject"}),
    (
        "royalties close --period 2026-10",
        {"closed", "period", "run", "closed_at", "ledger_digest", "payees", "payable_minor", "carried_minor"},
    ),
    ("royalties restate --period 2026-10", {"deltas", "restatement", "period", "supersedes", "pool_minor"}),
    ("disclose eu-summary RUN --provider PROVIDER", {"files", "to_be_provided", "score"}),
    ("evidence export GENERATION", {"bundle"}),
    ("evidence verify BUNDLE", {"valid", "checks"}),
    ("doctor", {"checks"}),
)  # fmt: skip
