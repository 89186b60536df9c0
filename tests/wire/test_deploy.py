"""What stands in deploy/: rules that promtool takes, a dashboard of metrics that exist, manifests
that are read, and alerts of the same names as those that are built in."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/millwright-rules.yml"


def known_metrics():
    text = (ROOT / "docs/reference/metrics.md").read_text()
    names = set(re.findall(r"\bmw_\w+", text))
    return names | {f"{name}_{part}" for name in names for part in ("bucket", "sum", "count")}


def used_metrics(text):
    return set(re.findall(r"\bmw_\w+", text))


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize(
    "kind,name", [("rules", "millwright-rules.yml"), ("config", "prometheus.yml")]
)
def test_promtool_takes_them(kind, name):
    done = subprocess.run(
        ["promtool", "check", kind, DEPLOY / "prometheus" / name],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_read_metrics_that_exist():
    dashboard = json.loads((DEPLOY / "grafana/millwright.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    assert len(queries) >= 20 and len({p["id"] for p in dashboard["panels"]}) == len(
        dashboard["panels"]
    )
    used = used_metrics(RULES.read_text()) | used_metrics("\n".join(queries))
    assert len(used) > 15
    assert used <= known_metrics(), used - known_metrics()


def test_rules_are_those_that_are_built_in():
    built_in = set(re.findall(r'"- name: (\w+)', (ROOT / "src/alert/built_in.c").read_text()))
    rules = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    assert rules == built_in | {"ServerGone"}  # nobody can say that of himself


def test_manifests(run, tmp_path):
    text = (DEPLOY / "kubernetes/millwright.yaml").read_text()
    found = {document["kind"]: document for document in yaml.safe_load_all(text)}
    assert set(found) == {"ConfigMap", "Service", "StatefulSet"}
    config = tmp_path / "millwright.yaml"
    config.write_text(found["ConfigMap"]["data"]["millwright.yaml"])
    done = run("config", "check", config)
    assert done.returncode == 0, done.stderr
    pod = found["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 30
