"""What downloads go by: patience with servers, room left on disks, how often is kept."""

from __future__ import annotations

import random
from dataclasses import dataclass

from studio.models.net import READ_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Seconds and bytes that a download goes by; the defaults are for people."""

    stall: float = READ_SECONDS
    """A connection that brings nothing for so long is given up, and made anew."""
    tries: int = 10
    """Attempts one after the other that bring nothing new, before it is given up."""
    lost: float = 6 * 3600.0
    """A server that cannot even be reached is tried for so long: networks go and come back."""
    first: float = 0.5
    most: float = 30.0
    """The first wait between attempts, and the longest; each is twice the one before."""
    longest: float = 900.0
    """A server that asks to be left alone for longer is not waited for."""
    keep: float = 0.5
    """How often the bytes are put on the disk for certain, with a note of how many there are."""
    reserve: int = 256 << 20
    """Bytes that are left free on a disk: systems without any break in strange ways."""

    def wait(self, failures: int) -> float:
        """Seconds before the next attempt, with jitter, so that not all come back at once."""
        longest = min(self.most, self.first * 2.0 ** min(failures, 30))
        return longest * (0.5 + random.random() / 2)
