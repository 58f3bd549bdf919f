"""Names of people, places, companies and employers: lists and the rules that extend them.

Belongs here: vocabulary. Does not belong here: which entity has which name. The lists are our own
and lie in `vocabulary.txt`; stems are joined with endings where a list would be too short.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product


def read_lists(name: str) -> dict[str, list[str]]:
    """The lists of one of the package's files by section."""
    content = files("simulator").joinpath(name).read_text(encoding="utf-8")
    parts = re.split(r"^\[(.+)\]$", content, flags=re.MULTILINE)
    return {
        name: [" ".join(item.split()) for item in body.split(",")]
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


_LISTS = read_lists("vocabulary.txt")

GIVEN_NAMES = _LISTS["given names"]
COMPOSED_NAMES = [
    stem + ending for stem, ending in product(_LISTS["given stems"], _LISTS["given endings"])
]
FAMILY_NAMES = [
    stem + ending for stem, ending in product(_LISTS["family stems"], _LISTS["family endings"])
]
FAMILY_PREFIXES = ["Van ", "De ", "O'", "Mac", "Mc", "La ", "D'"]

STREETS = [
    f"{name} {kind}" for name, kind in product(_LISTS["street names"], _LISTS["street kinds"])
]
CITIES = [
    form.format(town)
    for form, town in product(("{}", "Port {}", "{} Falls", "New {}"), _LISTS["towns"])
]
STATE_CODES, STATE_NAMES = _LISTS["state codes"], _LISTS["state names"]
PROVINCE_CODES, PROVINCE_NAMES = _LISTS["province codes"], _LISTS["province names"]
PROVINCES = PROVINCE_NAMES[:10]
COUNTRIES = ["United States of America", "Canada"]
MAIL_DOMAINS = [
    f"{word}.{end}"
    for word, end in product(_LISTS["mail words"], ("example", "com.example", "net.example"))
]

COMPANY_PLACES, COMPANY_NOUNS = _LISTS["company places"], _LISTS["company nouns"]
COMPANY_QUALIFIERS, COMPANY_FORMS = _LISTS["company qualifiers"], _LISTS["company forms"]
ACTIVITIES, GOODS = _LISTS["activities"], _LISTS["goods"]  # goods: one for each company noun
INDUSTRIES = {
    name.removeprefix("industries "): names
    for name, names in _LISTS.items()
    if name.startswith("industries ")
}

EMPLOYERS = [
    *[
        f"{COMPANY_PLACES[i % len(COMPANY_PLACES)]} {COMPANY_NOUNS[i % len(COMPANY_NOUNS)]}"
        for i in range(333)
    ],
    *[f"City of {city}" for city in CITIES],
    *[
        f"{family} {kind}"
        for kind in ("Brothers", "Foundation", "Garage", "Partners", "and Sons")
        for family in FAMILY_NAMES[5::134]
    ][:394],
]
QUOTED_EMPLOYER = 'The "Corner" Bakery'
