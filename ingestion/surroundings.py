"""The environment that connectors and their installation get: a few variables, by name.

They get nothing else, above all no secrets of other sources.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from tradehouse.home import processes

MORE = "TRADEHOUSE_CONNECTOR_ENVIRONMENT"
"""Names of further variables that every connector gets, separated by blanks or commas."""

_USUAL = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z_]+|TZ|TMPDIR|TEMP|TMP|TERM"
    r"|(?:https?|ftp|all|no)_proxy|(?:HTTPS?|FTP|ALL|NO)_PROXY"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS"
    r"|XDG_[A-Z_]+|LD_LIBRARY_PATH|DYLD_[A-Z_]+|JAVA_HOME|DO_NOT_TRACK"
)
_PROXY = re.compile(r"(?:https?|ftp|all)_proxy", re.IGNORECASE)
SHORTEST = 6
_INSTALLERS = re.compile(r"(?:PIP|UV)_[A-Z0-9_]+|NETRC|CC|CXX|CFLAGS|LDFLAGS|MACOSX_[A-Z_]+")


def for_connector(named: Iterable[str] = ()) -> dict[str, str]:
    """The usual variables, those of the setting, and those that a declaration names."""
    wanted = {*named, *_more()}
    return {
        name: value
        for name, value in os.environ.items()
        if _USUAL.fullmatch(name) or name in wanted
    }


def without_proxy_to_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """What lets a connector reach this machine itself where a proxy is set."""
    return {
        name: ",".join(filter(None, (environment.get(name), "127.0.0.1,localhost")))
        for name in ("no_proxy", "NO_PROXY")
    }


def secrets_for_connector(named: Iterable[str] = ()) -> frozenset[str]:
    """What is secret in it: values beside the usual ones, and the passwords of proxies.

    Short values are switches, not secrets.
    """
    values = {os.environ.get(name, "") for name in (*named, *_more())}
    passwords = {
        password
        for name, value in os.environ.items()
        if _PROXY.fullmatch(name) and (password := _password_in(value))
    }
    passwords |= {unquote(password) for password in passwords}
    return frozenset(value for value in values if len(value) >= SHORTEST) | passwords


def _more() -> list[str]:
    return re.split(r"[\s,]+", os.environ.get(MORE, ""))


def _password_in(url: str) -> str:
    """The password before the @, as it is written; proxies are often given without a scheme."""
    return url.rpartition("@")[0].rpartition("//")[2].partition(":")[2]


def for_installing() -> dict[str, str]:
    """The usual variables and those that pip and uv read."""
    return {
        name: value
        for name, value in os.environ.items()
        if _USUAL.fullmatch(name) or _INSTALLERS.fullmatch(name)
    }


def remove_leftovers(tmp: Path) -> None:
    """Remove what killed processes wrote for their connectors: configurations hold secrets."""
    from shutil import rmtree

    for directory in (*tmp.glob("sync-*"), *tmp.glob("ask-*")):
        owner = directory.name.rpartition("-")[2]
        if owner.isdigit() and not processes.is_alive(int(owner)):
            rmtree(directory, ignore_errors=True)
