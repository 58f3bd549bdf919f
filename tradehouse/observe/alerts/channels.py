"""Where alerts go: an owner's channels from the environment, delivered through Apprise.

The addresses hold secrets, so only the service's name is ever written anywhere.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VARIABLE = "TRADEHOUSE_ALERTS"


@dataclass(frozen=True)
class Delivery:
    """What came of handing a message to one channel; `error` is empty when it took it."""

    service: str
    error: str = ""


def variable_of(owner: str) -> str:
    """Return the environment variable that names the channels of an owner."""
    return f"{VARIABLE}_{re.sub('[^A-Z0-9]+', '_', owner.upper()).strip('_')}"


def find_urls(owner: str, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Return the variable that applies to an owner and its content; both empty when none does."""
    variables = os.environ if environment is None else environment
    for name in (variable_of(owner), VARIABLE):
        if variables.get(name, "").strip():
            return name, variables[name]
    return "", ""


def send(owner: str, title: str, body: str, *, is_good: bool) -> list[Delivery]:
    """Hand a message to every channel of an owner; empty when none is configured.

    Never raises: a channel that does not work is named in the result.
    """
    variable, urls = find_urls(owner)
    return list(_deliver(variable, urls, title, body, is_good)) if urls else []


def _deliver(variable: str, urls: str, title: str, body: str, is_good: bool) -> Iterator[Delivery]:
    import apprise

    # Apprise logs addresses; what is to be known of a failure is in the result.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    kind = apprise.NotifyType.SUCCESS if is_good else apprise.NotifyType.FAILURE
    for number, url in enumerate(_split(urls), start=1):
        channel = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if channel is None:
            yield Delivery(
                f"address {number} of {variable}",
                f"is none that Apprise knows; {variable} should hold addresses such as mailtos://, "
                "slack://, msteams:// or jsons://",
            )
            continue
        service = str(channel.service_name)
        try:
            is_taken = channel.notify(
                body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
            )
        except Exception as error:
            # Whatever a channel does, the run it speaks of is not to fail.
            yield Delivery(service, f"failed with {type(error).__name__}")
            continue
        yield Delivery(service, "" if is_taken else "did not take the message")


def _split(urls: str) -> list[str]:
    """The addresses of a variable: separated by blanks, or by commas where a new one begins."""
    return [url for url in re.split(r"\s+|,\s*(?=[a-z][a-z0-9+.-]*://)", urls.strip()) if url]
