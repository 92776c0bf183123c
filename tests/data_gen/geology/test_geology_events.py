"""The single events of a section's history, each looked at alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label

from data_gen.acquisition import Acquisition
from data_gen.geology.drag import Drag, draw_drag, undrag
from data_gen.geology.faults import Fault, draw_faults, unfault
from data_gen.geology.folds import draw_folds, unfold
from data_gen.geology.layers import Layers, draw_layers, layer_index, sediment_velocity
from data_gen.geology.lenses import Lens, with_lens
from data_gen.geology.model import _stratigraphic_depth, draw_history
from data_gen.geology.salt import Diapir, Dome, Hump, Salt, Sheet, draw_salt, salt_mask
from data_gen.geology.sea_floor import SeaFloor, flatten
from data_gen.geology.section import STEEPEST, Section, Waves, draw_waves
from data_gen.grid import Grid

GRID = Acquisition(Grid(100, 100, 15.0), 5, 100, 100, 0.008)
SECTION = Section.of(GRID)
NO_WAVES = Waves((), (), ())


def generators(count: int = 100):
    return [np.random.default_rng([11, i]) for i in range(count)]


def deepens(depth: np.ndarray) -> bool:
    """No layer is turned over: in each column the older rock lies below the younger."""
    return bool(np.all(np.diff(depth, axis=0) > 0))


def test_waves_stay_within_their_amplitude_and_steepness():
    for rng in generators():
        waves = draw_waves(rng, 3, 100.0, (200.0, 3000.0))
        assert np.abs(waves(SECTION.x)).max() <= 100.0
        slopes = 2 * np.pi * np.array(waves.amplitudes) / np.array(waves.wavelengths)
        assert np.all(slopes <= STEEPEST * (1 + 1e-12))


def test_folds_bend_but_never_overturn():
    bent = []
    for rng in generators():
        depth = unfold(draw_folds(rng, SECTION), SECTION).depth
        assert deepens(depth)
        bent.append(np.ptp(depth[50]))
    assert np.median(bent) > 80.0


FAULT = Fault(depth=700.0, x=750.0, dip=np.pi / 4, side=1, throw=60.0, half_height=400.0, reach=300.0)


def test_a_normal_fault_takes_the_hanging_wall_back_up_and_leaves_the_foot_wall():
    place = unfault(FAULT, SECTION)
    hanging = (SECTION.x - FAULT.x) > (SECTION.depth - FAULT.depth)
    np.testing.assert_array_equal(place.depth[~hanging], SECTION.depth[~hanging])
    at_plane = place.depth[46, 50], place.x[46, 50]
    # Cell (690 m, 750 m), 10 m beyond the plane: the throw has faded by exp(-10 / 300), the bell by 0.1 %.
    assert at_plane == pytest.approx((690.0 - 58.0, 750.0 - 58.0), abs=0.2)
    assert deepens(place.depth)


def test_the_throw_dies_out_along_the_plane_and_away_from_it():
    throw = SECTION.depth - unfault(FAULT, SECTION).depth
    assert np.all(throw[SECTION.depth <= 300.0] == 0)
    assert np.all(throw[SECTION.depth >= 1100.0] == 0)
    assert np.all(np.diff(throw[46, 51:]) < 0)


def test_a_reverse_fault_repeats_the_layers_and_a_normal_one_cuts_some_out():
    column = 60
    normal = unfault(FAULT, SECTION).depth[:, column]
    reverse = unfault(replace(FAULT, throw=-60.0), SECTION).depth[:, column]
    assert np.diff(normal).max() > 45.0
    assert np.diff(reverse).min() < -25.0


def test_drawn_normal_faults_overturn_nothing():
    for rng in generators():
        for fault in draw_faults(rng, SECTION):
            if fault.throw > 0:
                assert deepens(unfault(fault, SECTION).depth)


def test_draping_is_undone_at_the_floor_and_fades_below():
    floor = SeaFloor(200.0, Waves((50.0,), (1500.0,), (0.0,)), 0.0, drape=1.0)
    flat = flatten(floor, replace(SECTION, depth=floor.surface(SECTION)))
    np.testing.assert_allclose(flat.depth, 200.0)
    moved = np.abs(flatten(floor, SECTION).depth - SECTION.depth)
    assert moved[-1].max() < 0.1 * moved[14].max()


def test_rock_above_an_unconformity_is_younger_than_all_below_it():
    histories = [draw_history(rng, GRID) for rng in generators(40)]
    broken = [history for history in histories if history.unconformity is not None]
    assert len(broken) > 8
    for history in broken:
        below = SECTION.depth >= history.unconformity.surface(SECTION)
        age = _stratigraphic_depth(history, SECTION)
        if below.any() and not below.all():
            assert age[below].min() >= age[~below].max()


def test_layers_are_5_to_20_and_deeper_ones_older():
    counts = []
    for rng in generators(300):
        layers = draw_layers(rng, SECTION)
        assert layers.tops[0] == 0
        assert len(layers.tops) == len(layers.velocities) == len(layers.lateral)
        assert np.all(np.diff(layers.tops) > 0)
        counts.append(len(layers.tops))
    assert min(counts) == 5
    # 20 layers, and each of at most four thin beds adds itself and the rest of the layer it splits.
    assert 20 <= max(counts) <= 28


def test_velocity_of_a_layer_follows_its_numbers():
    layers = Layers((0.0, 0.5), (2000.0, 3000.0), (0.0, 100.0), gradient=1000.0, compaction=0.5)
    share = burial = np.array([[0.25], [0.75], [0.85]])
    place = replace(SECTION, x=np.array([[0.0], [750.0], [1500.0]]))
    np.testing.assert_array_equal(layer_index(layers, share)[:, 0], [0, 1, 1])
    expected = [2000.0, 3000.0, 3000.0 + 50.0 + 0.1 * 500.0]
    np.testing.assert_allclose(sediment_velocity(layers, share, burial, place)[:, 0], expected)


def test_a_gas_lens_has_a_flat_base_and_slows_its_layer():
    share = SECTION.depth / SECTION.height
    lens = Lens(base=0.505, x=750.0, half_width=300.0, thickness=0.1, factor=0.8, upright=True)
    slow = with_lens(lens, np.full(SECTION.depth.shape, 2500.0), share, SECTION) == 2000.0
    columns = np.flatnonzero(slow.any(axis=0))
    assert (columns[0], columns[-1]) == (31, 69)
    assert slow[:, 50].sum() == 10
    np.testing.assert_array_equal(np.flatnonzero(slow.any(axis=1)), np.arange(41, 51))


def test_each_kind_of_salt_has_its_shape():
    dome = Dome(1500.0, (Hump(750.0, 900.0, 200.0, 300.0, 2.0),)).holds(SECTION)
    assert np.argmax(dome[:, 50]) == 41
    assert np.all(np.diff(dome[:, 50].astype(int)) >= 0)
    diapir = Diapir(750.0, 300.0, 250.0, 60.0, 200.0, 200.0, 300.0, 0.0, NO_WAVES).holds(SECTION)
    width = diapir.sum(axis=1)
    assert width[33] > 2 * width[80] > 0
    assert width[-1] > width[80]
    sheet = Sheet(600.0, 750.0, 500.0, 100.0, 50.0, 0.0, NO_WAVES, 0.0, 0.0, 0.0)
    assert not sheet.holds(SECTION)[60:].any()
    fed = replace(sheet, feeder=60.0, feeder_x=700.0).holds(SECTION)
    assert fed[-1].any()
    assert label(fed)[1] == 1


def test_flanks_are_rough_and_the_roof_is_kept():
    smooth = Salt((Dome(1500.0, (Hump(750.0, 1400.0, 300.0, 300.0, 2.0),)),), 4500.0, 1e-9, 3)
    roof = np.full((1, 100), 300.0)
    mask, rough = (salt_mask(salt, SECTION, roof) for salt in (smooth, replace(smooth, roughness=25.0)))
    assert not mask[:20].any()
    assert not rough[:20].any()
    assert 0.01 < np.mean(mask != rough) < 0.1


def test_salt_is_rooted_or_detached_and_hangs_over():
    roof = np.full((1, 100), 105.0)
    masks = [salt_mask(draw_salt(rng, SECTION, 105.0), SECTION, roof) for rng in generators(200)]
    rooted = np.mean([mask[-1].any() for mask in masks])
    hanging = np.mean([np.any(mask[:-1] & ~mask[1:]) for mask in masks])
    assert 0.5 < rooted < 0.95
    assert 0.3 < hanging < 0.95


def test_rising_salt_lifts_and_thins_the_layers_above_it():
    salt = (SECTION.depth > 800.0) & (np.abs(SECTION.x - 750.0) < 250.0)
    place = undrag(Drag(lift=100.0, reach=200.0, moat=0.0), SECTION, salt, 0.0)
    uplift = place.depth - SECTION.depth
    assert uplift[52, 50] == pytest.approx(100.0, rel=0.2)
    np.testing.assert_array_equal(uplift[0], 0.0)
    above = place.depth[1:53, 50]
    assert np.all(np.diff(above) > SECTION.spacing)
    flank = uplift[80]
    assert flank[35 - 4] > flank[35 - 10] > flank[5] > 0


def test_no_drag_turns_layers_over_and_no_salt_means_none():
    roof = np.full((1, 100), 105.0)
    for rng in generators(150):
        salt, drag = salt_mask(draw_salt(rng, SECTION, 105.0), SECTION, roof), draw_drag(rng, SECTION)
        depth = undrag(drag, SECTION, salt, 0.0).depth
        outside = ~salt[:-1] & ~salt[1:]
        # Overhangs closer together than the lift may leave a few cells upside down.
        assert np.mean(np.diff(depth, axis=0)[outside] <= 0) < 0.002
    assert undrag(drag, SECTION, np.zeros_like(salt), 0.0) is SECTION
