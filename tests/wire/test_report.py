"""`mw report data` against pandas and SciPy; what it warns of; its pages are safe and whole. `mw
report card`: what people wrote in a record, and what was measured."""
import json
import urllib.request

import numpy as np
import pandas as pd
import pytest
from conftest import Server, check_end
from scipy import stats
from scipy.stats.contingency import association


@pytest.fixture(scope="module")
def table():
    chance = np.random.default_rng(4)
    n = 500
    income = np.round(chance.lognormal(9, 1, n), 2)
    town = chance.choice(["Ghent", "Lviv", "Porto"], n, p=[0.6, 0.3, 0.1])
    y = (income + 8000 * (town == "Lviv") > np.median(income)).astype(int)
    rows = pd.DataFrame({
        "id": [f"c{i}" for i in range(n)], "income": income, "twice": income * 2 + 1,
        "age": chance.integers(18, 80, n).astype(float), "town": town,
        "kind": np.where(chance.random(n) < 0.7, town, "other"), "same": 7,
        "since": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
        "leak": y * 10 + chance.random(n), "y": y})
    rows.loc[chance.random(n) < 0.3, "age"] = np.nan
    return rows


@pytest.fixture
def written(table, tmp_path):
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    return path


def report(run, path, *more):
    done = run("report", "data", path, "--format", "json", *more)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found, {column["name"]: column for column in found["columns"]}


def near(value):
    return pytest.approx(value, rel=1e-9)


def test_columns_are_pandas(run, table, written):
    found, columns = report(run, written, "--target", "y")
    assert found["rows"] == 500 and list(columns) == list(table)
    kinds = {name: column["kind"] for name, column in columns.items()}
    assert kinds == {"id": "text", "income": "number", "twice": "number", "age": "whole number",
                     "town": "text", "kind": "text", "same": "constant", "since": "text",
                     "leak": "number", "y": "whole number"}
    for name in ("income", "age", "leak"):
        values, column = table[name].dropna(), columns[name]
        assert column["mean"] == near(values.mean())
        assert column["deviation"] == near(values.std(ddof=0))
        assert [column[k] for k in ("least", "quarter", "median", "three_quarters", "most")] == \
            [near(v) for v in values.quantile([0, 0.25, 0.5, 0.75, 1])]
        assert column["skewness"] == near(stats.skew(values))
        assert column["kurtosis"] == near(stats.kurtosis(values))
        counts, edges = np.histogram(values, bins=20)
        assert column["counts"] == counts.tolist() and column["edges"] == near(edges.tolist())
        assert column["missing"] == table[name].isna().sum()
        assert column["different"] == values.nunique()
    box = table.income.quantile([0.25, 0.75]).to_numpy()
    reach = 1.5 * (box[1] - box[0])
    assert columns["income"]["outliers"] == \
        ((table.income < box[0] - reach) | (table.income > box[1] + reach)).sum()
    commonest = table.town.value_counts()
    assert [(c["value"], c["count"]) for c in columns["town"]["commonest"]] == \
        list(commonest.items())


def test_relations_are_scipys(run, table, written):
    _, columns = report(run, written, "--target", "y")
    assert columns["income"]["tells_target"] == near(abs(stats.pearsonr(table.income, table.y)[0]))
    groups = [table.y[table.town == town] for town in table.town.unique()]
    between = sum(len(g) * (g.mean() - table.y.mean()) ** 2 for g in groups)
    ratio = np.sqrt(between / ((table.y - table.y.mean()) ** 2).sum())
    assert columns["town"]["tells_target"] == near(ratio)
    both = table.dropna()
    assert columns["age"]["tells_target"] == near(abs(stats.pearsonr(both.age, both.y)[0]))
    found, columns = report(run, written, "--target", "kind")
    cramer = association(pd.crosstab(table.town, table.kind).to_numpy(), method="cramer")
    assert columns["town"]["tells_target"] == near(cramer)
    assert found["relations"][0]["value"] == near(1)  # income and twice


def test_what_needs_a_look_is_told(run, written):
    found, columns = report(run, written, "--target", "y")
    said = "\n".join(found["warnings"])
    for what in ("'same' is constant", "% of 'age' are missing", "'id' is there once",
                 "'leak' alone tells the target (AUC 1.000)", "'income' and 'twice' say almost"):
        assert what in said, said
    assert "'since' holds dates" in "\n".join(found["hints"])
    assert "'income' is skewed" in "\n".join(found["hints"])
    assert "'town' alone" not in said and columns["leak"]["auc_alone"] == 1


def test_a_page_needs_nothing_from_elsewhere(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("<script>,b\n<img src=x>,1\n<b>,2\n")
    for ending in ("html", "md"):
        page = tmp_path / f"r.{ending}"
        assert run("report", "data", path, "--target", "b", "-o", page).returncode == 0
        text = page.read_text().replace("\\<", "")  # so Markdown escapes it
        assert "<script" not in text and "<img" not in text and "<b>" not in text
        assert "http" not in text
    assert text.startswith("# ")


@pytest.mark.parametrize("text", [
    "a,b\n", "a\n1\n", "a,b\n,\n,\n", "a,b\n1,\n1,\n", "a\ninf\n-inf\nnan\n",
    "a,b\n1e308,x\n-1e308,y\n"])
def test_small_and_odd_tables(run, tmp_path, text):
    path = tmp_path / "odd.csv"
    path.write_text(text)
    for form in ("html", "md", "json"):
        done = run("report", "data", path, "--format", form)
        assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_bad_input_is_told(run, written):
    done = run("report", "data", written, "--target", "ages")
    assert done.returncode == 2 and "did you mean 'age'" in done.stderr
    assert run("report", "data", "nowhere.csv").returncode == 3


# ---- cards -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A version with a run, descriptions and tags, as MLflow's clients send them."""
    folder = tmp_path_factory.mktemp("card")
    server = Server(folder, "--record", folder / "record")

    def ask(path, **body):
        request = urllib.request.Request(
            f"{server.url}/api/2.0/mlflow/{path}", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    run = ask("runs/create", experiment_id="0")["run"]["info"]
    ask("runs/log-parameter", run_id=run["run_id"], key="depth", value="3")
    ask("runs/log-metric", run_id=run["run_id"], key="auc", value=0.91, timestamp=1)
    ask("registered-models/create", name="credit", description="Scores <b>loans</b>.",
        tags=[{"key": "card.limits", "value": "Not for companies."},
              {"key": "card.users", "value": "Clerks."}])
    ask("model-versions/create", name="credit", source=run["artifact_uri"], run_id=run["run_id"],
        description="Trained again.\n\nWith more rows.",
        tags=[{"key": "card.limits", "value": "Not for firms."}])
    yield folder / "record"
    check_end(server)


def test_a_card_tells_what_people_wrote_and_what_was_measured(run, record, written, tmp_path):
    suite, results = tmp_path / "s.yaml", tmp_path / "v.json"
    suite.write_text("metrics: {roc_auc: 0.5, brier: 0.0001}\n")
    table = pd.read_csv(written)
    table.assign(p=table.y * 0.4 + 0.3 + table.index / 5000).to_csv(written, index=False)
    assert run("model", "validate", "--data", written, "--target", "y", "--predictions", "p",
               "--suite", suite, "--slices", "town", "-o", results).returncode == 6
    done = run("report", "card", "credit/1", "--record", record, "--results", results, "--format",
               "json")
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    told = {key: [(e["name"], e["value"]) for e in entries]
            for key, entries in card["sections"].items()}
    assert card["title"] == "credit, version 1" and "1 of 2 checks passed" in card["verdict"]
    assert told["purpose"] == [(None, "Scores <b>loans</b>."),
                               (None, "Trained again.\n\nWith more rows.")]
    assert told["limits"] == [(None, "Not for firms.")]  # the version's word, not the model's
    assert told["users"] == [(None, "Clerks.")] and told["ethics"] == []
    assert ("depth", "3") in told["training"] and ("auc", "0.91") in told["training"]
    assert dict(told["metrics"])["roc_auc"].startswith("1")
    assert "fail: " in dict(told["checks"])["metric/brier"]
    assert "town=Ghent" in dict(told["slices"])
    for ending in ("html", "md"):
        page = tmp_path / f"card.{ending}"
        assert run("report", "card", "credit/1", "--record", record, "-o", page).returncode == 0
        text = page.read_text().replace("\\<", "")
        assert "<b>" not in text and "not provided" in text and "not judged" in text


def test_a_card_of_nothing_is_told(run, record, tmp_path):
    done = run("report", "card", "credit/9", "--record", record)
    assert done.returncode == 3 and "credit" in done.stderr
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"kind": "weather"}')
    done = run("report", "card", "credit/1", "--record", record, "--results", wrong)
    assert done.returncode == 1 and "wrong.json" in done.stderr and "no result" in done.stderr
    assert run("report", "card", "credit/1").returncode == 2


def card_of(run, record, address, *more):
    done = run("report", "card", address, "--record", record, "--format", "json", *more)
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    return card, {key: {e["name"]: e["value"] for e in entries}
                  for key, entries in card["sections"].items()}


@pytest.fixture(scope="module")
def gated(run, tmp_path_factory):
    """Versions 1 and 2 with files; gates with reports that the record keeps."""
    folder = tmp_path_factory.mktemp("gated")
    server = Server(folder, "--record", folder / "record")

    def ask(path, **body):
        answer = server.post(f"/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
    ask("registered-models/create", name="loans")
    for _ in range(2):
        info = ask("runs/create", experiment_id="0")["run"]["info"]
        uri = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/0/{info['run_id']}/artifacts"
        assert server.session.put(f"{uri}/model/MLmodel", data=b"flavors: {}").status_code == 200
        ask("model-versions/create", name="loans", run_id=info["run_id"],
            source=f"{info['artifact_uri']}/model")
    check_end(server)
    chance = np.random.default_rng(3)
    sex, y = chance.choice(["F", "<b>M</b>"], 1500), chance.integers(0, 2, 1500)
    p = np.clip(0.4 * y + 0.4 * chance.random(1500) + 0.3 * (sex != "F"), 0, 1)
    pd.DataFrame({"sex": sex, "y": y, "p": p}).to_csv(folder / "scored.csv", index=False)
    (folder / "f.yaml").write_text("fairness: {limits: {demographic_parity_ratio: {min: 0.8}}}")
    (folder / "v.yaml").write_text("metrics: {roc_auc: 0.5}")
    run("fairness", "check", "--data", folder / "scored.csv", "--label", "y", "--score", "p",
        "--groups", "sex", "--suite", folder / "f.yaml", "--format", "json",
        "-o", folder / "f.json")
    run("model", "validate", "--data", folder / "scored.csv", "--target", "y", "--predictions", "p",
        "--suite", folder / "v.yaml", "-o", folder / "v.json")
    beside = ("--record", folder / "record")
    run("gate", "require", "loans", "--gates", "validation,fairness", "--approvals", "1", *beside)
    for report in ("v.json", "f.json"):
        done = run("gate", "add", "loans/1", folder / report, *beside)
        assert "MW" not in done.stderr, done.stderr
    done = run("gate", "override", "loans/1", "--reason", "pilot of <b>two</b> weeks", *beside)
    assert "MW" not in done.stderr, done.stderr
    return folder


def test_a_card_reads_what_gates_kept(run, gated, tmp_path):
    validation = json.loads((gated / "v.json").read_text())
    fairness = json.loads((gated / "f.json").read_text())
    card, told = card_of(run, gated / "record", "loans/1")
    low, high = validation["metrics"]["roc_auc"]["interval"]
    assert told["metrics"]["roc_auc"] == \
        f"{validation['metrics']['roc_auc']['value']:.4g}, 95 % {low:.4g} to {high:.4g}"
    female = fairness["attributes"]["sex"]["groups"]["F"]
    assert told["fairness"]["sex: F"].startswith(f"{100 * female['selection_rate']:.1f} % selected")
    assert told["fairness"]["sex/demographic_parity_ratio"].startswith("fail")
    assert "1 of 2 checks passed" in card["verdict"] and "by override" in card["verdict"]
    gates = told["gates"]
    assert gates["validation"].startswith("passed at 20") and "sha256:" in gates["validation"]
    assert gates["fairness"].startswith("did not pass")
    assert "pilot of <b>two</b> weeks" in gates["override"] and "approvals: 1" in gates["required"]
    given, told = card_of(run, gated / "record", "loans/1", "--results", gated / "v.json")
    assert given["verdict"] == card["verdict"]  # the same report is not counted twice
    card, told = card_of(run, gated / "record", "loans/2")
    assert "not judged" in card["verdict"] and "gates are closed" in card["verdict"]
    page = tmp_path / "card.html"
    assert run("report", "card", "loans/1", "--record", gated / "record", "-o",
               page).returncode == 0
    assert "<b>" not in page.read_text()


def test_a_text_is_kept_and_inherited(run, gated, tmp_path):
    text, record = tmp_path / "card.md", gated / "record"
    text.write_text("# Use\n\nFor **clerks** <script>alert(1)</script> [x](javascript:y).\n")
    card, _ = card_of(run, record, "loans/2")
    assert card["text"] is None and "--text" in card["text_note"]
    card, _ = card_of(run, record, "loans/1", "--text", text)
    assert card["text"] == text.read_text() and card["text_note"] == ""
    card, _ = card_of(run, record, "loans/2")
    assert card["text"] == text.read_text()
    assert card["text_note"].startswith("Written for version 1; version 2 has no text of its own")
    page, words = tmp_path / "c.html", tmp_path / "c.md"
    for path in (page, words):
        assert run("report", "card", "loans/2", "--record", record, "-o", path).returncode == 0
    assert "<h3>Use</h3>" in page.read_text() and "<strong>clerks</strong>" in page.read_text()
    assert "<script" not in page.read_text() and "href" not in page.read_text()
    assert "### Use" in words.read_text() and "\\<script" in words.read_text()
    # gates count for the files of a version, and a text is none of them
    assert "not count" not in json.dumps(card_of(run, record, "loans/1")[1]["gates"])
    audit = run("audit", "list", "--record", record).stdout
    assert "version.tag" in audit and "card.text" in audit
    for bad in ("", "  \n", "x" * 100_000):
        text.write_text(bad)
        done = run("report", "card", "loans/1", "--record", record, "--text", text)
        assert done.returncode and "MW1072" in done.stderr, done.stderr
    assert run("report", "card", "loans/9", "--record", record, "--text", text).returncode
