"""Invented answers of a society, as CWR's ACK and MSG records."""

from catalog.cwr.fields import encode
from tests.catalog.builders import AT


def an_answer(sequence=0, number="W1", status="AS", society_number="9001", messages=(), **more):
    """The lines of one ACK transaction."""
    values = {
        "transaction_seq": sequence, "record_seq": 0, "original_group_id": 1,
        "original_transaction_seq": sequence, "original_transaction_type": "NWR",
        "creation_title": "SONG OF THE TEST", "submitter_creation_no": number,
        "recipient_creation_no": society_number, "processing_date": AT.date(), "status": status,
    }  # fmt: skip
    lines = [encode("ACK", {**values, **more})]
    for place, text in enumerate(messages, 1):
        message = {"message_type": "F", "original_record_seq": 2, "level": "R", "validation_no": "012"}
        prefix = {"transaction_seq": sequence, "record_seq": place}
        lines.append(encode("MSG", {**prefix, **message, "text": text}))
    return lines


def an_answer_file(path, *answers, sender_type="SO", sender="000000052"):
    header = {
        "sender_type": sender_type, "sender_id": sender, "sender_name": "TESTSOC",
        "edi_standard": "01.10", "creation_date": AT.date(), "creation_time": 0,
        "transmission_date": AT.date(), "version": "2.2", "revision": 2,
    }  # fmt: skip
    body = [line for answer in answers for line in answer]
    counts = {"transaction_count": len(answers), "record_count": len(body) + 2}
    group = {"transaction_type": "ACK", "group_id": 1, "version": "02.20", "batch_request_id": 1}
    lines = [
        encode("HDR", header),
        encode("GRH", group),
        *body,
        encode("GRT", {"group_id": 1, **counts}),
        encode("TRL", {"group_count": 1, **counts, "record_count": len(body) + 4}),
    ]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="ascii")
    return path
