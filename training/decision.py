"""Salt or not: what becomes of a predicted velocity between those of sediments and of salt.

No rock has it: it is an average of both, where the network is not sure. Trained for small errors, networks answer it
more often than salt, so that little salt would be found. At which velocity salt is the likelier one depends on the
sediments around: 3,500 m/s is much in the shallow part and little at the bottom. So an image is asked for its own
sediments, row by row, and what lies above a share of the way from there to salt is raised to salt. Bodies that are too
small to be believed are none.

Share and smallest body are chosen on the validation models, by how well salt is met there. A geology without salt, or
with rocks of such velocities, leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.ndimage import label

from data_gen.reading import typed
from data_gen.salt import SALT_VELOCITY, is_salt
from training.evaluation.scores import salt_iou

LEAST_SALT = SALT_VELOCITY + 1.0
"""What answers are raised to [m/s]."""

SHARES = tuple(round(0.05 * step, 2) for step in range(20, 5, -1))
"""Candidates of `share`."""

SMALLEST = (0.0, 0.002, 0.005, 0.01)
"""Candidates of `smallest`; of models of random geology that have salt, it covers 0.8 % at least."""

ALIKE = 0.005
"""Candidates whose intersection over union is that near to the best one's are as good: 200 models tell no more."""


@dataclass(frozen=True)
class Decision:
    """Which answers are salt; by default those that say so, which leaves every answer as it is.

    Args:
        share: of the way from the sediments' velocity to `salt_from` from which on answers are salt.
        smallest: connected salt below this share of the image is none.
        salt_from: where salt begins [m/s]; lower only in older archives, which have no share.
    """

    share: float = 1.0
    smallest: float = 0.0
    salt_from: float = SALT_VELOCITY

    def __post_init__(self) -> None:
        """Raise ValueError for what can be no decision."""
        if not (0 < self.share <= 1 and 0 <= self.smallest < 1 and 0 < self.salt_from <= SALT_VELOCITY):
            raise ValueError(
                f"no decision: share {self.share:g}, smallest {self.smallest:g}, salt_from {self.salt_from:g}"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> Decision:
        """The inverse of `to_json`; a number is a velocity alone, as before shares. Raises TypeError or ValueError."""
        is_number = isinstance(values, int | float) and not isinstance(values, bool)
        return cls(salt_from=float(values)) if is_number else typed(cls, values)

    def salt(self, velocity: np.ndarray) -> np.ndarray:
        """Where answers (model, depth, x) [m/s] are salt, bool."""
        limit = sediments(velocity)[..., None]
        candidates = velocity > limit + self.share * (self.salt_from - limit)
        return np.stack([_large(*_labelled(mask), self.smallest) for mask in candidates])

    def __call__(self, velocity: np.ndarray) -> np.ndarray:
        """Answers (model, depth, x) [m/s], those that are salt of salt's velocity at least, the others of less."""
        return _with_salt(velocity, self.salt(velocity))


AS_ANSWERED = Decision()
"""Leaves every answer as it is."""


def sediments(velocity: np.ndarray) -> np.ndarray:
    """The velocity (model, depth) [m/s] of sediments: the median over x of what is not salt in images
    (model, depth, x) [m/s]; between rows of nothing but salt by those above and below."""
    slow = velocity <= SALT_VELOCITY
    rows = np.full(velocity.shape[:2], SALT_VELOCITY)
    depth = np.arange(velocity.shape[1])
    for row, image, sediment in zip(rows, velocity, slow, strict=True):
        known = np.flatnonzero(sediment.any(axis=1))
        if known.size:
            medians = np.nanmedian(np.where(sediment[known], image[known], np.nan), axis=1)
            row[:] = np.interp(depth, known, medians)
    return rows


def choose_decision(prediction: np.ndarray, reference: np.ndarray) -> Decision:
    """The decision that meets the salt of models best, of their predictions; both (model, depth, x) [m/s].

    It is that of the least error among those whose mean intersection over union is `ALIKE`; models without salt in both
    are left out of the mean, as in the scores.
    """
    true, limit = is_salt(reference), sediments(prediction)[..., None]
    scored: list[tuple[float, float, Decision]] = []
    for share in SHARES:
        parts = [_labelled(mask) for mask in prediction > limit + share * (SALT_VELOCITY - limit)]
        for smallest in SMALLEST:
            salt = np.stack([_large(*part, smallest) for part in parts])
            known = [iou for iou in map(salt_iou, salt, true) if not np.isnan(iou)]
            error = float(np.mean(np.square(_with_salt(prediction, salt) - reference, dtype=np.float64)))
            scored.append((float(np.mean(known)) if known else 0.0, error, Decision(share, smallest)))
    best = max(iou for iou, _, _ in scored)
    if best <= 0:
        return AS_ANSWERED
    return min((each for each in scored if each[0] >= best - ALIKE), key=lambda each: each[1])[2]


def _labelled(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bodies of a mask (depth, x) by their numbers from 1 on, and how many cells have each number."""
    numbered, count = label(mask)
    return numbered, np.bincount(numbered.ravel(), minlength=count + 1)


def _large(numbered: np.ndarray, cells: np.ndarray, smallest: float) -> np.ndarray:
    """The bodies that cover a share of the image, or more."""
    large = cells >= smallest * numbered.size
    large[0] = False
    return np.asarray(large[numbered])


def _with_salt(velocity: np.ndarray, salt: np.ndarray) -> np.ndarray:
    raised, lowered = np.maximum(velocity, LEAST_SALT), np.minimum(velocity, SALT_VELOCITY)
    return np.where(salt, raised, lowered).astype(velocity.dtype)
