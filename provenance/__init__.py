"""What was trained on what, what influenced what, and the evidence and disclosures of both."""
