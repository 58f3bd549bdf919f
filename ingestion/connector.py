"""A connector as a command: spec, check, discover and the start of a read.

Not here: the process itself (`process`) and loading what it reads (`sync`).
"""

import sys
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ingestion import beside, declarations, environments, json_text, logs, surroundings
from ingestion.catalog import checked
from ingestion.configuration import Configuration
from ingestion.declarations import (
    CommandConnector,
    Declaration,
    ManifestConnector,
    ModuleConnector,
    PackageConnector,
)
from ingestion.errors import ConnectorError, DeclarationError
from ingestion.process import ConnectorProcess
from ingestion.protocol import Message, read_items
from ingestion.reader import body_of, configuration_in, error_in
from ingestion.redaction import Redactor

PROJECT = Path(__file__).resolve().parent.parent
_BODIES = {"SPEC": "spec", "CONNECTION_STATUS": "connectionStatus", "CATALOG": "catalog"}


MOST_ANSWER_BYTES = 256 * 1024 * 1024


class _Answer:
    """The output of a command that answers once. Raises ConnectorError when it does not stop."""

    def __init__(self, process: ConnectorProcess, what: str) -> None:
        self._process, self._what, self._left = process, what, MOST_ANSWER_BYTES

    def read(self, size: int, /) -> bytes:
        block = self._process.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise ConnectorError(
                f"{self._what} of the connector printed more than {MOST_ANSWER_BYTES} bytes, which "
                f"is no answer."
            )
        return block


class Runner:
    """Runs one source's connector. `work` is a directory of this sync, which its maker removes."""

    def __init__(
        self,
        declaration: Declaration,
        configuration: Configuration,
        *,
        work: Path,
        log: Path,
        redact: Redactor,
        environments: Path,
    ) -> None:
        self._declaration = declaration
        self._configuration = configuration
        self._work = work
        self._log = log
        self._redact = redact
        self._environments = environments
        self._is_renewed = False

    @property
    def redact(self) -> Redactor:
        """Replaces what is secret in what the connector says."""
        return self._redact

    @property
    def name(self) -> str:
        """The connector for the ledger."""
        return self._declaration.connector.label

    @property
    def version(self) -> str | None:
        """The connector's version where the declaration says it; the project's for its own."""
        connector = self._declaration.connector
        match connector:
            case PackageConnector():
                return connector.version
            case ManifestConnector():
                return f"airbyte-cdk {connector.cdk_version}"
            case ModuleConnector():
                return _project_version()
        return None

    def command(self) -> list[str]:
        """The connector's command line without its arguments; installs what it needs."""
        connector = self._declaration.connector
        match connector:
            case ModuleConnector():
                return [sys.executable, "-m", connector.module]
            case CommandConnector():
                return list(connector.command)
            case PackageConnector():
                program = connector.executable or connector.package.removeprefix("airbyte-")
                return [str(self._installed(connector.package, connector.version, program))]
            case ManifestConnector():
                if not manifest_path(connector).is_file():
                    raise DeclarationError(
                        f"{self._declaration.name}: the manifest {manifest_path(connector)} does "
                        f"not exist. A relative path is one from {declarations.SOURCES} on."
                    )
                program = "source-declarative-manifest"
                return [str(self._installed("airbyte-cdk", connector.cdk_version, program))]

    def _installed(self, package: str, version: str, program: str) -> Path:
        python = getattr(self._declaration.connector, "python", None)
        return environments.executable(
            self._environments, package, version, program=program, python=python
        )

    def _more_arguments(self) -> list[str]:
        """Arguments that every command but `spec` of a manifest needs."""
        connector = self._declaration.connector
        if not isinstance(connector, ManifestConnector):
            return []
        return ["--manifest-path", str(manifest_path(connector))]

    def start(self, word: str, *arguments: str, is_configured: bool = True) -> ConnectorProcess:
        """Start the connector, and what runs beside it where it is given its configuration.

        Raises ConnectorError when one of them cannot be run.
        """
        command = [*self.command(), word]
        with ExitStack() as left:
            companion, config = None, self._configuration.values
            if is_configured:
                if self._configuration.beside is not None:
                    companion, config = self._start_beside(self._configuration.beside, left)
                command += ["--config", str(self.write("config.json", config))]
            process = self._process([*command, *arguments, *self._more_arguments()], companion)
            left.pop_all()
        return process

    def _start_beside(
        self, command: list[str], left: ExitStack
    ) -> tuple[ConnectorProcess, dict[str, Any]]:
        """Start what runs beside the connector; returns the configuration with what it says."""
        companion, said = beside.start(
            self._declaration,
            command,
            log=self._log,
            redact=self._redact,
            environment=surroundings.for_connector(self._declaration.environment),
            directory=PROJECT,
            directory_of_secrets=self._work,
        )
        left.callback(companion.close)
        config = beside.filled(self._declaration.name, self._configuration.values, said)
        self._redact.add(self._configuration.called_secret(config))
        return companion, config

    def _process(self, command: list[str], companion: ConnectorProcess | None) -> ConnectorProcess:
        try:
            return ConnectorProcess(
                command,
                error_log=self._log,
                limits=self._declaration.limits,
                redact=self._redact,
                environment=self._environment(),
                directory=PROJECT,
                directory_of_secrets=self._work,
                companion=companion,
            )
        except OSError as error:
            raise ConnectorError(
                f"The connector of {self._declaration.name} cannot be started: "
                f"{command[0]}: {error.strerror}."
            ) from None

    def _environment(self) -> dict[str, str]:
        environment = surroundings.for_connector(self._declaration.environment)
        if isinstance(self._declaration.connector, ModuleConnector):
            environment["PYTHONPATH"] = str(PROJECT)
        if self._declaration.beside is not None:
            environment |= surroundings.without_proxy_to_loopback(environment)
        environment["DO_NOT_TRACK"] = "1"
        environment["AIRBYTE_STAGING_DIRECTORY"] = str(self.staging)
        return environment

    @property
    def staging(self) -> Path:
        """Where the connector may put files that it hands over; emptied after the sync."""
        directory = self._work / "staging"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def write(self, name: str, content: Any) -> Path:
        """Write a file for the connector, readable by this user only."""
        path = self._work / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(json_text.dumps(content))
        return path

    def renew(self, config: dict[str, Any]) -> None:
        """Keep the configuration as the connector changed it, at once: a token may serve once.

        New values in the places of secrets are secrets too.
        """
        if self._declaration.beside is not None:
            config = beside.unfilled(self._declaration.config, config)
        self._redact.add(self._configuration.secrets_in(config))
        self._is_renewed = True
        self._configuration.save(config)

    def redact_log(self) -> None:
        """What the connector said before it reported its new secrets may have held them."""
        if self._is_renewed:
            logs.redact(self._log, self._redact)

    def ask(self, word: str, *, answer: str, is_configured: bool = True) -> dict[str, Any]:
        """Run a command that answers with one message of a kind, and return its body.

        Raises ConnectorError with the connector's own words when there is none.
        """
        found: dict[str, Any] | None = None
        errors = []
        try:
            with self.start(word, is_configured=is_configured) as process:
                what = f"{self._declaration.name}: {word}"
                for item in read_items(_Answer(process, what)):
                    if not isinstance(item, Message):
                        continue
                    if item.content.get("type") == answer:
                        found = body_of(item, _BODIES[answer])
                    if (error := error_in(item)) is not None:
                        errors.append(error.message)
                    if (config := configuration_in(item)) is not None:
                        self.renew(config)
                code = process.wait()
        finally:
            self.redact_log()
        if found is not None and (code == 0 or answer == "CONNECTION_STATUS"):
            return found
        words = "; ".join(errors) or process.last_words() or "it said nothing"
        reason = "took longer than allowed" if process.timed_out else f"exit code {code}"
        raise ConnectorError(
            f"{self._declaration.name}: the connector's {word} gave no answer "
            f"({reason}): {self._redact(words)}"
        )

    def spec(self) -> dict[str, Any]:
        """The connector's specification."""
        return self.ask("spec", answer="SPEC", is_configured=False)

    def check(self) -> tuple[bool, str]:
        """Whether the connector reaches its source with this configuration, and what it says."""
        status = self.ask("check", answer="CONNECTION_STATUS")
        return status.get("status") == "SUCCEEDED", self._redact(str(status.get("message") or ""))

    def discover(self) -> list[dict[str, Any]]:
        """The streams the connector offers."""
        return checked(self._declaration.name, self.ask("discover", answer="CATALOG"))

    def read(self, catalog: dict[str, Any], states: list[dict[str, Any]]) -> ConnectorProcess:
        """Start reading with a configured catalogue and the last committed states."""
        arguments = ["--catalog", str(self.write("catalog.json", catalog))]
        if states:
            arguments += ["--state", str(self.write("state.json", states))]
        return self.start("read", *arguments)


def manifest_path(connector: ManifestConnector) -> Path:
    """Where the manifest lies: a relative path is one from the declarations on."""
    return declarations.SOURCES / connector.manifest


def _project_version() -> str | None:
    try:
        return version("tradehouse")
    except PackageNotFoundError:
        return None
