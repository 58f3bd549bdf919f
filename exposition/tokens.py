"""Tokens of the API: made, listed, revoked, recognised.

A token is shown once, when it is made; `tokens.json` of the home's state keeps its SHA-256. That is
enough because a token is 256 random bits, which nobody can guess. A running server reads the file
again whenever it changed, so that revoking has an effect at once.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from exposition import access_log
from tradehouse.errors import UsageError
from tradehouse.home import files, locks, state
from tradehouse.home.files import NewerError
from tradehouse.home.paths import Home
from tradehouse.home.records import Token, Tokens

PREFIX = "th"
DAYS = 90
MOST_DAYS = 366
LONGEST_NAME = 60


def create(
    home: Home, name: str, days: int = DAYS, *, may_see_personal: bool = False
) -> tuple[Token, str]:
    """Make a token and return its record and the token itself, which is kept nowhere.

    Raises:
        UsageError: when the name cannot be one, or has a valid token already.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(
            f"A token's name says whose it is, in 1 to {LONGEST_NAME} printable characters; "
            f"this cannot be one: {name[:80]!r}."
        )
    now = datetime.now(UTC)
    secret = secrets.token_urlsafe(32)
    token = Token(
        id=secrets.token_hex(6),
        name=name,
        digest=_digest_of(secret),
        may_see_personal=may_see_personal,
        created_at=now.isoformat(timespec="seconds"),
        expires_at=(now + timedelta(days=days)).isoformat(timespec="seconds"),
    )
    home.prepare()
    with locks.alone(home.state / "tokens.lock"):
        known = find_all(home)
        if any(one.name == name and is_valid(one) for one in known):
            raise UsageError(
                f"{name} has a valid token. Revoke it first (tradehouse tokens revoke {name!r}), "
                "or give the new one another name."
            )
        state.keep(home, Tokens(tokens=[*known, token]))
    _note(home, "token created", token)
    return token, f"{PREFIX}_{token.id}_{secret}"


def find_all(home: Home) -> list[Token]:
    """Return every token that was made, oldest first, also those that are not valid any more.

    Raises:
        NewerError: when a newer Tradehouse wrote the file.
    """
    kept = state.find(home, Tokens)
    return kept.tokens if kept else []


def revoke(home: Home, name: str) -> Token:
    """Make the valid token of a name invalid, at once, and return its record.

    Raises:
        UsageError: when there is none; a token's id does as well as its name.
    """
    home.prepare()
    with locks.alone(home.state / "tokens.lock"):
        known = find_all(home)
        found = [one for one in known if name in (one.name, one.id) and is_valid(one)]
        if not found:
            valid = ", ".join(one.name for one in known if is_valid(one)) or "none"
            raise UsageError(f"{name[:80]} has no valid token. Valid are those of: {valid}.")
        found[0].revoked_at = datetime.now(UTC).isoformat(timespec="seconds")
        state.keep(home, Tokens(tokens=known))
    _note(home, "token revoked", found[0])
    return found[0]


def is_valid(token: Token) -> bool:
    """Whether a token is neither revoked nor expired."""
    return token.revoked_at is None and datetime.now(UTC) < datetime.fromisoformat(token.expires_at)


class Book:
    """The tokens as a server sees them: read again whenever the file changed."""

    def __init__(self, home: Home) -> None:
        """Of a home; nothing is read yet."""
        self._home = home
        self._stamp: list[int] | None = None
        self._by_id: dict[str, Token] = {}

    def find(self, text: str) -> Token | None:
        """Return the valid token that a text is; None for anything else."""
        prefix, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        self._read()
        token = self._by_id.get(token_id)
        if prefix != PREFIX or token is None or not is_valid(token):
            return None
        return token if hmac.compare_digest(token.digest, _digest_of(secret)) else None

    def _read(self) -> None:
        stamp = files.stamp_file(self._home.state / "tokens.json")
        if stamp == self._stamp:
            return
        try:
            self._by_id = {one.id: one for one in find_all(self._home)} if stamp else {}
        except NewerError as error:
            files.tell(str(error))
            self._by_id = {}
        self._stamp = stamp


def _digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _note(home: Home, event: str, token: Token) -> None:
    access_log.write(
        home,
        {
            "event": event,
            "token": token.name,
            "token_id": token.id,
            "may_see_personal": token.may_see_personal,
            "expires_at": token.expires_at,
        },
    )
