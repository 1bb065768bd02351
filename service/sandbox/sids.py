"""Twilio's identifiers: two letters and 32 hexadecimal digits. Nothing else comes in here."""

import hashlib
import uuid


def new_sid(prefix: str) -> str:
    """A SID never given before, also not by an earlier run: stores that outlive this process must not see one twice."""
    return prefix + uuid.uuid4().hex


def named_sid(prefix: str, name: str) -> str:
    """The SID of a seeded resource: the same on every start, so that it can stand in configuration and examples."""
    return prefix + hashlib.sha256(f"sandbox/{prefix}/{name}".encode()).hexdigest()[:32]
