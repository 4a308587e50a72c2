"""The alert rules: of Prometheus' form, about metrics that there are, and each with a section that says what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tinstack.core.metrics.families import FAMILIES, METRICS_PORTS
from tinstack.running import PACKAGES

ROOT = Path(__file__).resolve().parents[3]
ALERTS = ROOT / "docs" / "prometheus" / "alerts.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
SAMPLES = {one.name + suffix: one for one in FAMILIES for suffix in SUFFIXES[one.kind]}
OF_PROMETHEUS = {"job", "instance", "le"}


def by_name(rule: dict[str, Any]) -> str:
    return str(rule["alert"])


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_a_rule_has_prometheus_form(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Tinstack[A-Z]\w+", rule["alert"])
    assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["expr"].count("(") == rule["expr"].count(")") and rule["expr"].count("{") == rule["expr"].count("}")


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_a_rule_names_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    named = re.findall(r"tinstack_\w+", re.sub(r'"[^"]*"', '""', rule["expr"]))
    assert set(named) <= SAMPLES.keys()
    allowed = {label for name in named for label in SAMPLES[name].labels} | OF_PROMETHEUS
    asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", rule["expr"]))
    grouped = {
        one.strip() for inside in re.findall(r"(?:by|ignoring) \(([^)]*)\)", rule["expr"]) for one in inside.split(",")
    }
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert asked | grouped | shown <= allowed


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_a_rule_has_its_section_in_the_operators_guide(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_prometheus_own_tool_takes_the_rules() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool, of Debian's package prometheus, is not on this machine")
    said = subprocess.run([tool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_example_scrapes_every_service() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    targets = yaml.safe_load(example)["scrape_configs"][0]["static_configs"][0]["targets"]
    assert {int(target.split(":")[1]) for target in targets} == set(METRICS_PORTS.values())


def test_every_service_has_a_port_of_its_own_below_the_ephemeral_ones() -> None:
    assert PACKAGES.keys() <= METRICS_PORTS.keys()
    assert len(set(METRICS_PORTS.values())) == len(METRICS_PORTS)
    assert all(10_000 < port < 32_768 for port in METRICS_PORTS.values())
