"""Panels: the same for any unit and for fewer receivers, and the reference that explains the direct wave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_survey import simulator

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.geology import random_model
from data_gen.grid import Grid
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import References, draw_profiles, simulate_profiles
from data_gen.migration.views import in_view, with_noise
from data_gen.phase import turn

GRID = Grid(48, 50, 15.0)
LINE = Acquisition(GRID, sources=5, receivers=25, samples=100, sample_interval=0.008)


@pytest.fixture(scope="module")
def models() -> np.ndarray:
    return np.stack([random_model(np.random.default_rng([0, i]), LINE).velocity for i in range(24)])


@pytest.fixture(scope="module")
def definition(models) -> PanelDefinition:
    return PanelDefinition(GRID, tuple(map(tuple, draw_profiles(models, GRID.spacing, 6))))


@pytest.fixture(scope="module")
def maker(definition) -> PanelMaker:
    return PanelMaker(definition, LINE, simulate_profiles(np.array(definition.profiles), LINE))


@pytest.fixture(scope="module")
def gathers(models) -> np.ndarray:
    return simulator(LINE).gather(models[3])


def test_panels_have_a_channel_for_each_factor_and_class_and_the_reference(maker, gathers):
    panels = maker.panels(gathers)
    assert panels.shape == maker.definition.shape == (48, 25, 25)
    assert panels.dtype == np.float32
    assert np.isfinite(panels).all()
    profile = panels[:, 0, -1] * 1000
    assert np.all(panels[..., -1] == panels[:, :1, -1])
    assert np.abs(np.array(maker.definition.profiles) - profile).max(axis=1).min() < 1e-3
    np.testing.assert_allclose(maker.definition.x[:2], [7.5, 37.5])


@pytest.mark.parametrize("unit", [1000.0, 1e-6])
def test_the_unit_of_the_gathers_changes_nothing(maker, gathers, unit):
    panels = maker.panels(gathers)
    np.testing.assert_allclose(maker.panels(gathers * np.float32(unit)), panels, atol=2e-5 * np.abs(panels).max())


def test_a_reference_s_own_gathers_leave_nothing(maker):
    layered = np.repeat(np.array(maker.definition.profiles[2], np.float32)[:, None], GRID.x_cells, axis=1)
    panels = maker.panels(simulator(LINE).gather(layered))
    assert np.abs(panels[..., :-1]).max() < 1e-4 * np.abs(maker.panels(simulator(LINE).gather(1.1 * layered))).max()


def test_the_nearest_reference_explains_more_than_the_others(maker, gathers):
    references = References(np.array(maker.definition.profiles), maker._references.gathers)
    traces, live = gathers.reshape(-1, LINE.samples), np.ones(125, bool)
    left = [np.linalg.norm(references.residual(traces, live, references.fit(traces, live, rank))) for rank in range(6)]
    amplitudes = [references.fit(traces, live, rank).amplitude for rank in range(6)]
    explained = np.array(left) * np.array(amplitudes)  # in the unit of the gathers
    assert np.all(np.diff(explained) > -1e-6)
    assert explained[0] < 0.5 * np.linalg.norm(gathers)


def test_half_the_receivers_give_nearly_the_same_panels(maker, definition, models):
    """A panel is a mean over traces: fewer of them are noisier, not weaker."""
    fewer = replace(LINE, receivers=13)  # every other receiver
    sparse = PanelMaker(definition, fewer, simulate_profiles(np.array(definition.profiles), fewer))
    whole, half = (made.panels(simulator(line).gather(models[5])) for made, line in ((maker, LINE), (sparse, fewer)))
    assert np.corrcoef(whole[..., :-1].ravel(), half[..., :-1].ravel())[0, 1] > 0.9
    assert np.std(half[..., :-1]) == pytest.approx(np.std(whole[..., :-1]), rel=0.2)


def test_dead_traces_are_those_of_a_line_without_them(maker, gathers):
    live = np.ones(LINE.gather_shape[:2], bool)
    live[:, 5:9] = False
    live[2] = False
    silent = gathers * live[..., None]
    np.testing.assert_allclose(maker.panels(silent), maker.panels(gathers, live), atol=1e-6)
    noisy = gathers + 1e3 * ~live[..., None]
    np.testing.assert_array_equal(maker.panels(noisy, live), maker.panels(gathers, live))


def test_a_spread_that_moves_is_migrated_by_its_live_traces_alone(definition, models):
    """Whatever stands in the traces of receivers that were not live counts for nothing."""
    rows = tuple(tuple(range(5 * source, 5 * source + 5)) for source in range(5))
    moving = replace(LINE, live_receivers=rows)
    references = simulate_profiles(np.array(definition.profiles), moving)
    made = PanelMaker(definition, moving, references)
    whole = simulator(LINE).gather(models[7])
    panels = made.panels(whole)
    assert np.isfinite(panels).all()
    noisy = whole + 1e3 * ~moving.live[..., None]
    np.testing.assert_array_equal(made.panels(noisy), panels)
    views = [in_view(made, whole, index, 1) for index in range(40)]  # some of which draw no live trace
    assert np.isfinite(views).all()


def test_the_mirrored_survey_has_the_mirrored_panels(maker, gathers):
    panels = maker.panels(gathers)
    mirrored = maker.panels(gathers[::-1, ::-1])
    np.testing.assert_allclose(mirrored, panels[:, ::-1], atol=1e-4 * np.abs(panels).max())


def test_what_cannot_be_is_one_line(maker, definition, gathers):
    with pytest.raises(DataError, match="no trace holds a signal"):
        maker.panels(np.zeros(LINE.gather_shape))
    with pytest.raises(DataError, match="polarity"):
        maker.panels(-(np.array(gathers) ** 2))
    with pytest.raises(DataError, match="cannot be made over"):
        PanelMaker(definition, replace(LINE, grid=Grid(48, 52, 15.0)), maker._references.gathers)


def test_a_definition_goes_through_json(definition):
    again = PanelDefinition.from_json(definition.to_json())
    np.testing.assert_allclose(again.profiles, definition.profiles, atol=1e-3)
    assert PanelDefinition.from_json(again.to_json()) == again
    assert replace(again, profiles=()) == replace(definition, profiles=())


@pytest.mark.parametrize("decibels", [0.0, 20.0])
def test_noise_is_as_strong_as_asked_in_the_signal_s_band_and_on_live_traces_alone(decibels):
    line = Acquisition(Grid(40, 60, 15.0), sources=3, receivers=30, samples=200, sample_interval=0.008)
    rng = np.random.default_rng(0)
    gathers = rng.normal(size=line.gather_shape).astype(np.float32)
    gathers[:, 7] = 0.0
    noise = with_noise(gathers, line, decibels, rng) - gathers
    assert not noise[:, 7].any()
    assert np.sqrt(np.mean(gathers**2) / np.mean(noise**2)) == pytest.approx(10 ** (decibels / 20), rel=1e-4)
    power = np.mean(np.abs(np.fft.rfft(noise)) ** 2, axis=(0, 1))
    frequency = np.fft.rfftfreq(200, 0.008)
    inside = (frequency >= 2.0) & (frequency <= 30.0)
    assert power[~inside].max() < 1e-6 * power[inside].mean()


def test_a_view_with_noise_is_of_the_same_traces(maker, gathers):
    quiet, noisy = (in_view(maker, gathers, 5, 1, noise=noise) for noise in (False, True))
    np.testing.assert_array_equal(quiet == 0, noisy == 0)
    assert np.abs(quiet - noisy).max() > 0
    np.testing.assert_array_equal(noisy, in_view(maker, gathers, 5, 1, noise=True))


@pytest.mark.parametrize("degrees", [0, 60, 180, -120])
def test_the_phase_is_told_by_the_direct_wave(maker, gathers, degrees):
    phase = maker.phase(turn(gathers, degrees))
    assert abs((phase - degrees + 180) % 360 - 180) < 12
    assert degrees or phase == 0.0


def test_rocks_faster_than_any_reference_are_no_other_wavelet(maker):
    """Their direct wave comes before that of the nearest reference, as one of another phase would."""
    fast = 1.4 * max(profile[0] for profile in maker.definition.profiles)
    gathers = simulator(LINE).gather(np.full(GRID.shape, fast, np.float32))
    phase, explained = maker._references.phase(gathers.reshape(-1, LINE.samples), np.ones(125, bool))
    assert abs(phase) > 10
    assert explained < 0.75
    assert maker.phase(gathers) == 0.0
