"""DDEX Electronic Release Notification 4.3: what labels say of recordings, releases and deals."""
