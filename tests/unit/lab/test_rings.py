"""`test`: what is run, what is counted, and the closing line."""

import re

import click
import pytest

from tinstack.lab import rings
from tinstack.lab.labs import ROOT
from tinstack.lab.rings import Check, Result
from tinstack.lab.words import LabError


def test_tests_are_counted_from_the_report(tmp_path):
    report = tmp_path / "junit.xml"
    report.write_text('<testsuites><testsuite errors="1" failures="2" skipped="3" tests="10"/></testsuites>')
    assert rings.counts(report) == (4, 3)
    assert rings.counts(tmp_path / "none.xml") == (0, 0)


def test_the_last_line_counts_everything():
    assert rings.report([Result("unit", 120, 0, 3.0), Result("types", 0, 1, 61.0)])[-1] == "120 passed, 1 failed"


def test_a_failing_command_fails_the_whole_and_is_named(monkeypatch, capfd):
    checks = {"good": (Check("fine", ("true",)),), "bad": (Check("broken", ("false",)),)}
    monkeypatch.setattr(rings, "RINGS", checks)
    rings.run_rings(["good"])
    with pytest.raises(LabError, match="These failed: broken"):
        rings.run_rings([])
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


def test_the_api_ring_runs_on_both_kinds_of_backends():
    assert [dict(check.env) for check in rings.RINGS["api"]] == [{}, {"TINSTACK_TEST_BACKENDS": "real"}]


def test_rings_are_chosen_by_name_and_conformance_takes_a_list():
    assert {name for name, _ in rings.chosen([])} == rings.RINGS.keys() - rings.ON_REQUEST
    assert dict(rings.chosen([]))["faults"] == rings.SHORT["faults"]
    assert rings.chosen(["faults"]) == [("faults", rings.RINGS["faults"])]
    assert [name for name, _ in rings.chosen(["lint", "unit", "lint"])] == ["lint", "unit"]
    [(_, [default])] = rings.chosen(["conformance"])
    [(_, [image])] = rings.chosen(["conformance", "image"])
    assert (default.command[-1], image.command[-1]) == ("smoke", "image")
    assert dict(rings.chosen([], everything=True)) == {k: v for k, v in rings.RINGS.items() if k != "bench"}
    for wrong in (["image"], ["unit", "smoke"], ["nothing"]):
        with pytest.raises(click.UsageError):
            rings.chosen(wrong)
    with pytest.raises(click.UsageError):
        rings.chosen(["unit"], everything=True)


def test_the_lists_that_are_offered_are_those_of_the_conformance_run():
    program = (ROOT / rings.CONFORMANCE).with_name("acceptance.py").read_text()
    areas = re.search(r"for area in \(([^)]*)\)", program)
    assert areas
    assert ("smoke", *re.findall(r'"(\w+)"', areas[1]), "sdk") == rings.LISTS


def test_a_seed_is_for_what_is_drawn_by_chance():
    [(_, [fuzz])], [(_, [unit])] = rings.chosen(["fuzz"]), rings.chosen(["unit"])
    assert rings.seeded(fuzz, 7).command[-2:] == ("--seed", "7")
    assert rings.seeded(fuzz, None) == fuzz and rings.seeded(unit, 7) == unit
