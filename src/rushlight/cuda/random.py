"""Seeds and states of the generators of CUDA devices: without a device, there are none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._absent import refuse

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def manual_seed(seed: int) -> None:
    """Seed the current device: without one, nothing to do."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed every device: without one, nothing to do."""
    int(seed)


def seed() -> None:
    """Seed the current device from the system's randomness: without one, nothing to do."""


def seed_all() -> None:
    """Seed every device from the system's randomness: without one, nothing to do."""


def initial_seed() -> int:
    """The seed of the current device; refused."""
    refuse()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a device's generator; refused."""
    refuse()


def get_rng_state_all() -> list:
    """The states of all devices' generators: none."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of a device's generator: without a device, nothing to do."""


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Set the states of all devices' generators: without a device, nothing to do."""
    for state in new_states:
        set_rng_state(state)
