"""Tables on their way into a benchmark: what a file and a DataFrame say is measured alike, and shown first."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from registry_core import InvalidInput, Registry
from registry_core.actions import benchmarks, signatures
from registry_core.signature import Feature, Signature
from tests.commands import answer, refused, run
from tests.fitted import register

CODES = {
    "country": ["NA", "DE", "FR"],
    "zip": ["01067", "80331", "10115"],
    "code": ["1e5", "2e5", "x1"],
    "word": ["null", "None", "nan"],
    "number as text": ["007", "8", "99"],
    "truth as text": ["true ", "false", "maybe"],
}


@pytest.mark.parametrize("column", CODES)
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "jsonl"])
def test_rows_in_a_file_measure_as_the_same_rows_in_a_frame(
    sqlite_registry: Registry, tmp_path: Path, column: str, form: str
) -> None:
    values = np.random.default_rng(0).choice(CODES[column], 200)
    rows = pd.DataFrame({column: values, "target": np.where(values == CODES[column][0], "yes", "no")})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [column]))
    model = make_pipeline(encoder, LogisticRegression()).fit(rows[[column]], rows.target)
    path = tmp_path / f"rows.{form}"
    match form.partition(".")[0]:
        case "csv":
            rows.to_csv(path, index=False)
        case "parquet":
            rows.to_parquet(path)
        case _:
            rows.to_json(path, orient="records", lines=True)
    sqlite_registry.register_model(model, model_name="Coded", model_type="LR")
    framed = sqlite_registry.add_benchmark("frame", "Coded", rows, "target")
    filed = sqlite_registry.add_benchmark("file", "Coded", path, "target")
    assert filed.fingerprint == framed.fingerprint


def test_both_give_the_same_accuracy(sqlite_registry: Registry, tmp_path: Path) -> None:
    values = np.random.default_rng(0).choice(["NA", "DE", "FR"], 400)
    rows = pd.DataFrame({"country": values, "target": np.where(values == "NA", "yes", "no")})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["country"]))
    model = make_pipeline(encoder, LogisticRegression()).fit(rows[["country"]], rows.target)
    rows.to_csv(tmp_path / "rows.csv", index=False, sep=";", encoding="utf-16")
    kept = sqlite_registry.register_model(model, model_name="Country", model_type="LR")
    for name, data in (("frame", rows), ("csv", tmp_path / "rows.csv")):
        sqlite_registry.add_benchmark(name, "Country", data, "target")
        assert sqlite_registry.evaluate(kept, benchmark=name).metrics["accuracy"].value == 1.0


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Models say what they take, as soon as their signature is kept with them."""

    def sign(signature: Signature) -> None:
        monkeypatch.setattr(signatures, "signature", lambda queries, known: signature)

    return sign


def test_the_signature_of_the_champion_says_how_columns_are_read(sqlite_registry: Registry, signed: Any) -> None:
    model_id = register(sqlite_registry)
    signed(
        Signature(
            (Feature("zip", "text"), Feature("floor", "category", (1, 2)), Feature("age", "number"), Feature("any")),
            names="model", task="binary", classes=("0", "1"),
        )
    )  # fmt: skip
    text = "zip,floor,age,any,target\n1067,1,NA,NA,0\n8033,2,42,DE,1\n"
    reading = sqlite_registry.preview_table(io.BytesIO(text.encode()), "Churn", "target")
    assert [each.kind for each in reading.columns] == ["text", "number", "number", "text", "category"]
    assert (reading.kinds_from, reading.classes) == (model_id, {"0": 1, "1": 1})
    added = sqlite_registry.add_benchmark("signed", "Churn", io.BytesIO(text.encode()), "target")
    kept = benchmarks.read(sqlite_registry._context, added)
    assert kept["zip"].tolist() == ["1067", "8033"]
    assert kept["target"].tolist() == ["0", "1"]
    with pytest.raises(InvalidInput, match=r"row 3, column 'age': 'abc' is not a number"):
        bad = text.replace("42", "abc").encode()
        sqlite_registry.add_benchmark("bad", "Churn", io.BytesIO(bad), "target")
    assert [each.name for each in sqlite_registry.benchmarks("Churn")] == ["signed"]
    # Of a name nobody registered there is nothing to know.
    assert sqlite_registry.preview_table(io.BytesIO(text.encode()), "Other").kinds_from == ""


def test_a_preview_keeps_nothing(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("a\tb\n1,5\tNA\n2,5\tDE\n")
    before = registry.revision()
    reading = registry.preview_table(tmp_path / "rows.tsv", target="b")
    assert (reading.source, reading.delimiter, reading.decimal, reading.rows) == ("rows.tsv", "\t", ",", 2)
    assert reading.classes == {"NA": 1, "DE": 1}
    with pytest.raises(InvalidInput, match="cannot be read"):
        registry.preview_table(tmp_path / "none.csv")
    assert registry.revision() == before


def test_the_command_shows_how_a_table_is_read(registry_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("land;alter;ja\nNA;1,5;y\nDE;;n\nFR;3;n\n", encoding="utf-8-sig")
    words = ["benchmark", "preview", str(path), "--target", "ja"]
    found = answer(registry_folder, *words)
    assert (found["encoding"], found["delimiter"], found["decimal"]) == ("utf-8-sig", ";", ",")
    assert [(each["name"], each["kind"], each["missing"]) for each in found["columns"]] == [
        ("land", "text", 0), ("alter", "number", 1), ("ja", "text", 0),
    ]  # fmt: skip
    assert found["classes"] == {"n": 2, "y": 1}
    assert not registry_folder.exists()
    text = run(registry_folder, *words).stdout
    assert "CSV, delimiter semicolon, decimal sign ','" in text
    assert "classes of ja: n 2, y 1" in text
    assert "target names 'x'" in refused(registry_folder, 2, "InvalidInput", *words[:-1], "x")
    added = run(
        registry_folder, "benchmark", "add", "one", "--model-name", "Churn", "--data", str(path), "--target", "ja"
    )
    assert "delimiter semicolon" in added.stdout
    assert "Benchmark one added" in added.stdout
    words += ["--model-name", "Churn"]
    assert answer(registry_folder, *words)["rows"] == 3
