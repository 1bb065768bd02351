"""Passwords of the console: made, hashed and checked. Standard library only.

A hash is ``scrypt.N.r.p.salt.key``, all of it letters, digits and dots: a ``$`` would be taken for a variable by shells
and by compose. The work is one of the choices that OWASP's "Password Storage Cheat Sheet" lists as equal: 16 MB and
some 0.2 s a check.
"""

import hmac
import secrets
from hashlib import scrypt

N, R, P = 2**14, 8, 5
MOST_MEMORY = 64 * 1024 * 1024
LONGEST = 1024  # characters of a password


def new_password() -> str:
    """A password that nobody guesses, short enough to type: 96 random bits in four groups."""
    text = secrets.token_hex(12)
    return "-".join(text[start : start + 6] for start in range(0, 24, 6))


def hash_of(password: str) -> str:
    """The entry for the settings."""
    salt = secrets.token_bytes(16)
    return f"scrypt.{N}.{R}.{P}.{salt.hex()}.{_key(password, salt, (N, R, P)).hex()}"


def fits(password: str, hashed: str) -> bool:
    """True if ``hashed`` is of this password. Takes its time. Raises ValueError if the hash has an impossible cost."""
    if len(password) > LONGEST:
        return False
    _, n, r, p, salt, key = hashed.split(".")
    return hmac.compare_digest(_key(password, bytes.fromhex(salt), (int(n), int(r), int(p))), bytes.fromhex(key))


def _key(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    return scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=MOST_MEMORY, dklen=32)
