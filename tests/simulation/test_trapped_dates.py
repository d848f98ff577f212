"""Dates stay dates while traps are set."""

from __future__ import annotations

import copy
import datetime
import pickle
from datetime import date, timedelta
from datetime import datetime as moment

import pytest

from actors.simulation.traps import NotRepeatable
from tests.simulation.trapping import traps


def test_dates_made_inside_are_real_ones() -> None:
    real = moment
    before = real(2026, 1, 1, tzinfo=datetime.UTC)
    with traps():
        assert moment is not real
        made = moment(2026, 1, 1, tzinfo=datetime.UTC)
        parsed = moment.fromisoformat("2026-01-01T00:00:00+00:00")
        day = date(2026, 1, 1)
        assert isinstance(before, moment)
        assert isinstance(made, date)
        assert not isinstance(day, moment)
        assert issubclass(real, moment)
        assert issubclass(moment, date)
        assert not issubclass(date, moment)
        assert not isinstance(3, date)
        assert {real: "here"}[moment] == "here"
        assert type(made) == moment  # noqa: E721 - what libraries write
        assert made + timedelta(0) == parsed == before
        assert moment.combine(day, made.timetz()) == made
        assert moment.strptime("2026", "%Y").year == moment.min.year + 2025
    assert type(made) is type(parsed) is real
    assert type(day) is date


def test_dates_are_pickled_and_copied_across_the_border() -> None:
    values = [moment(2026, 1, 1, 5, fold=1, tzinfo=datetime.UTC), date(2026, 1, 2)]
    before = pickle.dumps(values)
    with traps():
        inside = pickle.dumps(values)
        assert copy.deepcopy(values) == pickle.loads(before) == pickle.loads(inside) == values
        kind = pickle.dumps(moment)
    assert pickle.loads(inside) == values
    assert [type(each) for each in pickle.loads(inside)] == [moment, date]
    assert pickle.loads(inside)[0].fold == 1
    assert pickle.loads(kind) is moment


def test_a_subclass_made_inside_is_itself() -> None:
    with traps():

        class Holiday(date):
            pass

        day = Holiday(2026, 12, 25)
        assert type(day) is Holiday
        assert isinstance(day, Holiday)
        assert isinstance(day, date)
        assert not isinstance(date(2026, 12, 25), Holiday)
        assert not issubclass(date, Holiday)
        assert Holiday != date
        assert len({Holiday, date}) == 2
        with pytest.raises(NotRepeatable):
            Holiday.today()
    assert isinstance(Holiday.today(), Holiday)
