"""Entry point for Dagster: `dagster dev -m orchestration.definitions`, or `make ui`."""

from dagster import Definitions

from orchestration import assembly
from orchestration.manifest import read_codes, read_manifest

defs: Definitions = assembly.assemble(read_manifest(), read_codes())
