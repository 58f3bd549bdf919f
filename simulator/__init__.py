"""The simulated brokerage: look-alike source systems at any scale, for as many days as wanted.

Belongs here: everything that makes source files. Does not belong here: reading them. No other part
of the platform is imported.
"""

from simulator.simulation import simulate
from simulator.steps import play
from simulator.volumes import SimulationError

__all__ = ["SimulationError", "play", "simulate"]
