"""SEG-Y out and in: headers as segyio and ObsPy read them, shots on any line, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import obspy
import pytest
import segyio
from segyio import BinField, TraceField

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.formats.export import write_prediction, write_shots
from data_gen.formats.opening import open_shots
from data_gen.formats.segy import millimetres, read_section, write_traces
from data_gen.grid import Grid

LINE = Acquisition(
    Grid(20, 30, 15.0), sources=3, receivers=5, samples=40, sample_interval=0.008,
    source_positions=(0.0, 101.5, 435.0), receiver_positions=(3.25, 50.0, 120.0, 300.0, 435.0),
    source_depth=(15.0, 22.5, 30.0), receiver_depth=45.0, live_receivers=((0, 1, 2), (1, 2, 3), (2, 3, 4)),
)  # fmt: skip
GATHERS = np.random.default_rng(0).normal(size=LINE.gather_shape).astype(np.float32) * LINE.live[..., None]


@pytest.fixture
def file(tmp_path):
    write_shots(tmp_path / "shots.sgy", GATHERS, LINE, "of a test")
    return tmp_path / "shots.sgy"


def test_segyio_reads_the_headers_that_were_written(file):
    source, receiver = np.nonzero(LINE.live)
    with segyio.open(file, ignore_geometry=True) as data:
        assert (data.tracecount, len(data.samples)) == (9, 40)
        assert data.bin[BinField.Interval] == 8000
        assert (data.bin[BinField.Format], data.bin[BinField.MeasurementSystem]) == (5, 1)
        np.testing.assert_array_equal(data.attributes(TraceField.FieldRecord)[:], source + 1)
        np.testing.assert_array_equal(data.attributes(TraceField.TraceNumber)[:], receiver + 1)
        assert set(data.attributes(TraceField.SourceGroupScalar)[:]) == {-1000}
        np.testing.assert_array_equal(data.attributes(TraceField.SourceX)[:], 1000 * LINE.source_x[source])
        np.testing.assert_array_equal(data.attributes(TraceField.GroupX)[:], 1000 * LINE.receiver_x[receiver])
        np.testing.assert_array_equal(data.attributes(TraceField.SourceDepth)[:], 1000 * LINE.source_z[source])
        assert set(data.attributes(TraceField.ReceiverGroupElevation)[:]) == {-45000}
        np.testing.assert_array_equal(data.trace.raw[:], GATHERS[source, receiver])
        assert b"3 SHOTS (FIELDRECORD)" in bytes(data.text[0])


def test_obspy_reads_the_same(file):
    stream = obspy.read(str(file), format="SEGY", unpack_trace_headers=True)
    assert stream.stats.binary_file_header.sample_interval_in_microseconds == 8000
    assert len(stream) == 9
    trace = stream[4]
    header = trace.stats.segy.trace_header
    assert trace.stats.delta == pytest.approx(0.008)
    assert header.original_field_record_number == 2
    assert header.source_coordinate_x / -header.scalar_to_be_applied_to_all_coordinates == 101.5
    assert header.group_coordinate_x / -header.scalar_to_be_applied_to_all_coordinates == 120.0
    np.testing.assert_array_equal(trace.data, GATHERS[1, 2])


def test_shots_come_back_with_their_line(file):
    with open_shots(file) as shots:
        geometry = shots.geometry
        np.testing.assert_array_equal(shots.data, GATHERS)
    for ours, theirs in (
        (geometry.source_x, LINE.source_x), (geometry.receiver_x, LINE.receiver_x), (geometry.live, LINE.live),
        (geometry.source_z, LINE.source_z), (geometry.receiver_z, LINE.receiver_z), (geometry.time, LINE.time),
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert geometry.remarks == ()


def changed(path, **headers):
    """Set trace headers of all traces, or of the first alone if a number is given as (number,)."""
    with segyio.open(path, "r+", ignore_geometry=True) as data:
        for name, value in headers.items():
            traces = range(1) if isinstance(value, tuple) else range(data.tracecount)
            for trace in traces:
                data.header[trace] = {getattr(TraceField, name): value[0] if isinstance(value, tuple) else value}
    return path


def test_traces_that_are_dead_by_their_header_count_for_nothing(file):
    with open_shots(changed(file, TraceIdentificationCode=(2,))) as shots:
        assert shots.geometry.live.shape == (3, 4)  # the first station recorded no other shot
        assert shots.geometry.live.sum() == 8
        assert shots.geometry.remarks == ("1 traces are no seismic data, by their TraceIdentificationCode",)


def test_a_line_across_the_map_is_laid_along_itself(file):
    """Turned by 30 degrees and far away: the distances stay."""
    with segyio.open(file, "r+", ignore_geometry=True) as data:
        for trace in range(data.tracecount):
            header = data.header[trace]
            for x, y in ((TraceField.SourceX, TraceField.SourceY), (TraceField.GroupX, TraceField.GroupY)):
                place = header[x]
                header[x] = round(500_000_000 + place * np.cos(np.pi / 6))
                header[y] = round(100_000_000 + place * np.sin(np.pi / 6))
    with open_shots(file) as shots:
        np.testing.assert_allclose(np.sort(shots.geometry.receiver_x), LINE.receiver_x, atol=0.01)
        np.testing.assert_allclose(np.sort(shots.geometry.source_x), LINE.source_x, atol=0.01)
        assert "distance along the line" in shots.geometry.remarks[0]


def test_coordinates_in_feet_and_with_a_scalar_that_multiplies(file):
    with segyio.open(file, "r+", ignore_geometry=True) as data:
        data.bin.update({BinField.MeasurementSystem: 2})
    changed(file, SourceGroupScalar=10, ElevationScalar=0)
    with open_shots(file) as shots:
        np.testing.assert_allclose(shots.geometry.source_x, LINE.source_x * 10_000 * 0.3048)
        np.testing.assert_allclose(shots.geometry.receiver_z, 45_000 * 0.3048)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"CoordinateUnits": 2}, "coordinates in angles"),
        ({"TraceIdentificationCode": 2}, "no seismic traces"),
        ({"SourceX": (77,)}, "whose traces name several SourceX"),
        ({"GroupX": 5000}, "shot 1 has 3 traces at x = 5 m"),
        ({"DelayRecordingTime": (100,)}, "begin at different times"),
    ],
)
def test_headers_that_make_no_line_are_one_line(file, headers, told):
    with pytest.raises(DataError, match=told) as refusal, open_shots(changed(file, **headers)):
        pass
    assert "\n" not in str(refusal.value)


def test_a_path_that_is_no_utf_8_is_one_line(tmp_path):
    with pytest.raises(SettingError, match="no UTF-8"):
        write_traces(tmp_path / "\udcff" / "x.sgy", np.zeros((2, 4)), 2000, {}, [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_segy_is_one_line(tmp_path, file):
    for content in (b"no data", b"\0" * 5000, file.read_bytes()[:3990]):
        (tmp_path / "bad.sgy").write_bytes(content)
        with (
            pytest.raises(DataError, match=r"bad\.sgy cannot be read as SEG-Y") as refusal,
            open_shots(tmp_path / "bad.sgy"),
        ):
            pass
        assert "\n" not in str(refusal.value)
    with pytest.raises(SettingError, match="no room for an interval"):
        write_shots(tmp_path / "slow.sgy", GATHERS, replace(LINE, sample_interval=0.05, peak_frequency=4.0))


def test_predictions_are_sections_in_depth_and_come_back(tmp_path):
    velocity = np.random.default_rng(1).uniform(1500, 4500, (2, 20, 30)).astype(np.float32)
    write_prediction(tmp_path / "p.sgy", velocity, LINE, {})
    with segyio.open(tmp_path / "p.sgy", ignore_geometry=True) as data:
        np.testing.assert_array_equal(data.attributes(TraceField.FieldRecord)[:], np.repeat([1, 2], 30))
        np.testing.assert_array_equal(data.attributes(TraceField.CDP_X)[:], millimetres(np.tile(LINE.grid.x, 2)))
        np.testing.assert_array_equal(data.trace.raw[:30], velocity[0].T)
    stream = obspy.read(str(tmp_path / "p.sgy"), format="SEGY")
    assert len(stream) == 60
    write_prediction(tmp_path / "one.sgy", velocity[:1], LINE, {})
    section = read_section(tmp_path / "one.sgy")
    np.testing.assert_array_equal(section.values, velocity[0].T)
    np.testing.assert_allclose(section.depth, LINE.grid.depth)
    np.testing.assert_allclose(section.x, LINE.grid.x)


def test_little_endian_files_are_read(file, tmp_path):
    with segyio.open(file, ignore_geometry=True) as data:
        spec = segyio.tools.metadata(data)
        spec.endian = "little"
        with segyio.create(tmp_path / "little.sgy", spec) as little:
            little.bin = data.bin
            for trace in range(data.tracecount):
                little.header[trace] = data.header[trace]
                little.trace[trace] = data.trace[trace]
    with open_shots(tmp_path / "little.sgy") as shots:
        np.testing.assert_array_equal(shots.data, GATHERS)


def test_headers_are_those_that_are_given(tmp_path):
    write_traces(tmp_path / "t.sgy", np.ones((2, 5), np.float32), 1000, {TraceField.offset: np.array([7, 8])}, ["TEXT"])
    with segyio.open(tmp_path / "t.sgy", ignore_geometry=True) as data:
        np.testing.assert_array_equal(data.attributes(TraceField.offset)[:], [7, 8])
        assert b"TEXT" in bytes(data.text[0])
