"""What does a society answer to our registrations?"""

from catalog.cwr.transactions import Answer
from catalog.records import AcknowledgementRecord, Fault
from catalog.vocabulary import AcknowledgementStatus


def read_answer(answer: Answer) -> AcknowledgementRecord | Fault:
    """The answer to one registration, or why it cannot be used."""
    header = answer.header
    number, status = header.text("submitter_creation_no"), header.text("status")
    if number is None:
        return Fault("MISSING_FIELD", header.place, "no submitter's number", "the number of one of our works")
    if status not in set(AcknowledgementStatus):
        expected = f"one of {', '.join(AcknowledgementStatus)}"
        return Fault("INVALID_CODE", header.place, f"status '{status}'", expected)
    return AcknowledgementRecord(
        society=answer.society,
        number=number,
        title=header.text("creation_title"),
        status=AcknowledgementStatus(status),
        society_number=header.text("recipient_creation_no"),
        processed_on=header.day("processing_date"),
        messages=tuple(message.text("text") or "(no text)" for message in answer.messages),
        place=header.place,
    )
