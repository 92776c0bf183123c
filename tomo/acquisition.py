"""`tomo acquisition`: write an acquisition as a file, to start one's own from."""

from __future__ import annotations

from data_gen.acquisition_file import to_toml
from tomo.console import remark
from tomo.geometry import (
    AcquisitionFile,
    Changes,
    FreeSurface,
    GridPoints,
    GridSpacing,
    PeakFrequency,
    PresetName,
    ReceiverDepth,
    Receivers,
    SampleInterval,
    Samples,
    SourceDepth,
    Sources,
    VelocityLimits,
    chosen_acquisition,
)


def acquisition(
    preset: PresetName = None,
    file: AcquisitionFile = None,
    grid: GridPoints = None,
    grid_spacing: GridSpacing = None,
    sources: Sources = None,
    receivers: Receivers = None,
    samples: Samples = None,
    sample_interval: SampleInterval = None,
    peak_frequency: PeakFrequency = None,
    source_depth: SourceDepth = None,
    receiver_depth: ReceiverDepth = None,
    velocity_limits: VelocityLimits = None,
    free_surface: FreeSurface = False,
) -> None:
    """Print an acquisition as a TOML file, for `tomo generate --acquisition`; another file is checked and completed."""
    changes = Changes(
        grid, grid_spacing, sources, receivers, samples, sample_interval, peak_frequency, source_depth, receiver_depth,
        velocity_limits, free_surface or None,
    )  # fmt: skip
    chosen = chosen_acquisition(preset, file, changes)
    for doubt in chosen.doubts():
        remark(f"warning: {doubt}")
    print(to_toml(chosen), end="")
