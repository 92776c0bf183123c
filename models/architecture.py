"""The convolutions of the tomography networks, as plain numbers: what there is before Keras is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Convolution:
    """A 3-D convolution and the max pooling after it; sizes along (source, receiver, time)."""

    filters: int
    kernel: tuple[int, int, int]
    pool: tuple[int, int, int]


ARCHITECTURES: dict[str, tuple[Convolution, ...]] = {
    "demo": (
        Convolution(6, (3, 5, 9), (1, 4, 4)),
        Convolution(12, (3, 5, 7), (1, 2, 2)),
        Convolution(16, (3, 3, 5), (2, 2, 2)),
        Convolution(24, (1, 3, 3), (1, 1, 2)),
    ),
    "laptop": (
        Convolution(8, (3, 5, 9), (1, 4, 4)),
        Convolution(16, (3, 5, 7), (2, 2, 2)),
        Convolution(24, (3, 5, 5), (2, 2, 2)),
        Convolution(32, (1, 3, 5), (2, 2, 2)),
    ),
    # With these the network has exactly the paper's 10,951,700 weights; the paper does not say which it used.
    "paper": (
        Convolution(6, (3, 9, 9), (2, 4, 4)),
        Convolution(16, (3, 5, 9), (2, 4, 2)),
        Convolution(20, (3, 5, 9), (2, 4, 2)),
        Convolution(40, (3, 5, 7), (1, 4, 2)),
    ),
}


def pooled(gather_shape: tuple[int, int, int], convolutions: tuple[Convolution, ...]) -> tuple[int, int, int]:
    """What pooling leaves of gathers (source, receiver, time); a zero means that the gathers are too small."""
    source, receiver, time = gather_shape
    for convolution in convolutions:
        a, b, c = convolution.pool
        source, receiver, time = source // a, receiver // b, time // c
    return source, receiver, time
