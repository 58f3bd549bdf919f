"""A source's configuration: the declared one with its secrets, and what the connector changed.

Not here: the declaration's model (`declarations`).
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingestion import json_text, surroundings
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.specification import Specification
from ingestion.variables import HOME, resolve
from tradehouse.home import files


class Kept(files.Kept):
    """`connectors/<source>.config.json`: what a connector made of which declared configuration."""

    declared: str
    config: dict[str, Any]


class Configuration:
    """The configuration a connector gets.

    A connector may replace it (rotated refresh tokens); the replacement is kept in the home,
    readable by its user only, and used until the declared configuration changes.
    """

    def __init__(
        self,
        declaration: Declaration,
        directory: Path,
        overrides: Mapping[str, Any],
        *,
        home: Path | None = None,
    ) -> None:
        variables = {**os.environ} | ({HOME: str(home.resolve())} if home else {})
        resolved, secrets = resolve(declaration.config, variables)
        self.beside, of_beside = resolve(declaration.beside, variables)
        self._declaration = declaration
        self._overrides = dict(overrides)
        self._path = directory / f"{declaration.name}.config.json"
        self._specification = Specification({})
        self._resolved = resolved
        self._declared = hashlib.sha256(
            json_text.dumps(_as_written(resolved), sort_keys=True)
        ).hexdigest()
        self.declaration_digest = digest_of(declaration)
        self._given = self._kept() or resolved
        self.values: dict[str, Any] = {}
        self._secrets = (
            secrets | of_beside | surroundings.secrets_for_connector(declaration.environment)
        )
        self.settle(self._specification)

    def settle(self, specification: Specification) -> None:
        """Give values the types, and secrets the names, that the connector's specification says.

        Raises DeclarationError for a variable that does not fit.
        """
        self._specification = specification
        name, declared = self._declaration.name, self._declaration.config
        values = {k: v for k, v in self._given.items() if k not in self._overrides}
        self.values = specification.settled(name, declared, values)
        self._secrets |= self.secrets_in(self.values) | specification.secrets(self._resolved)
        self.values |= self._overrides

    @property
    def digest(self) -> str:
        """What tells this configuration, as declared and overridden, from another."""
        content = [self._declared, self._overrides]
        return hashlib.sha256(json_text.dumps(content, sort_keys=True)).hexdigest()

    @property
    def secrets(self) -> frozenset[str]:
        """Values that must not appear in a log."""
        return self._secrets

    def secrets_in(self, config: Mapping[str, Any]) -> frozenset[str]:
        """What is secret in a configuration.

        That is what stands where the declaration has variables, what the specification calls so,
        and, because tokens rotate, every text that the declared configuration does not have.
        """
        known = set(_texts(_as_written(self._resolved)))
        new = {text for text in _texts(config) if text not in known and not _PUBLIC.fullmatch(text)}
        places = _in_places_of_variables(self._declaration.config, config)
        return frozenset({*places, *new}) | self._specification.secrets(config)

    def called_secret(self, config: Mapping[str, Any]) -> frozenset[str]:
        """What the connector's specification calls secret in a configuration."""
        return self._specification.secrets(config)

    def _kept(self) -> dict[str, Any] | None:
        try:
            text = files.read_bytes(self._path)
            if text is None:
                return None
            kept = files.check(self._path, Kept, json_text.replace_lone_surrogates(text))
        except files.DamagedError as error:
            raise DeclarationError(
                f"{error} It holds what the connector of {self._declaration.name} changed in its "
                "configuration, such as a renewed token, which is nowhere else. Remove it to use "
                "the configuration as declared; if the connector had renewed its access, get new "
                "credentials and set them first."
            ) from error
        if kept["declared"] != self._declared:
            return None
        # Once more, with every number as it was written.
        return dict(json_text.loads(text)["config"])

    def save(self, config: dict[str, Any]) -> None:
        """Keep the configuration the connector sent, at once; it is the one from now on."""
        kept = {k: v for k, v in config.items() if k not in self._overrides}
        self._given, self.values = kept, kept | self._overrides
        content = {"declared": self._declared, "config": kept}
        files.write_bytes(self._path, json_text.dumps({"version": Kept.VERSION, **content}))


_PUBLIC = re.compile(r".{0,3}|[\d.:TZ +-]{4,35}", re.DOTALL)
"""Texts that are too short to be secrets of their own, dates and numbers."""


_OPEN = re.compile(rf"\$\{{(?:{HOME}(?::-[^}}]*)?|beside\.\w+)\}}")
"""What stands for a value that is no secret by itself: the home, what a program beside says."""


def _as_written(value: Any) -> Any:
    """The content with every number as it was written."""
    if isinstance(value, dict):
        return {key: _as_written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    return [value.written] if hasattr(value, "written") else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _in_places_of_variables(declared: Any, found: Any) -> Iterator[str]:
    if isinstance(declared, dict) and isinstance(found, dict):
        for key in declared.keys() & found.keys():
            yield from _in_places_of_variables(declared[key], found[key])
    elif isinstance(declared, list) and isinstance(found, list):
        for one, other in zip(declared, found, strict=False):
            yield from _in_places_of_variables(one, other)
    elif isinstance(declared, str) and "${" in _OPEN.sub("", declared) and isinstance(found, str):
        yield found


def digest_of(declaration: Declaration) -> str:
    """What tells one version of a declaration from another."""
    described = declaration.model_dump(exclude={"config"}, mode="json")
    content = json_text.dumps(
        described | {"config": _as_written(declaration.config)}, sort_keys=True
    )
    return hashlib.sha256(content).hexdigest()[:16]
