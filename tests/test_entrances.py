"""Every bad file through every entrance of the core: nothing in it runs, and nothing of it comes into use."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import joblib
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from registry_core import (
    ArtifactAltered,
    ArtifactError,
    ArtifactQuarantined,
    InvalidConfiguration,
    InvalidInput,
    NotEligible,
    Registry,
    SandboxFailure,
)
from registry_core.artifacts.sandbox import inspecting, places
from registry_core.catalog import row_checksums
from registry_core.cli import main
from tests.artifacts.inspection import floods, misfits, natives
from tests.artifacts.inspection.assembly import called, name, plain, text, whole
from tests.artifacts.inspection.corpus import Bad, bad_artifacts
from tests.entrances import ENTRANCES, Outcome, Scene, Site, Thief, enter
from tests.fitted import logistic, register

# Claims and a benchmark that would make the file champion at once, if anybody believed it.
METRICS = dict.fromkeys(("accuracy", "auc", "f1_score"), 1.0)
METADATA = {"model_name": "Odd", "model_type": "Bad", "performance_metrics": METRICS, "data_quality_score": 1.0}
# Lines of the table with quarantined files, one for each kind of file.
SAMPLED = {"26", "39", "40"}


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a file would leave behind if anything in it ran."""
    return tmp_path_factory.mktemp("marks") / "marker"


@pytest.fixture(scope="module")
def corpus(marker: Path, full: bool) -> list[Bad]:
    """Every bad file; without ``--full`` the first of each kind, since each of them takes every way in."""
    whole_corpus = bad_artifacts(marker)
    first = {(bad.name[:2], bad.expected, bad.live, bad.joblib): bad for bad in reversed(whole_corpus)}
    return whole_corpus if full else [bad for bad in whole_corpus if bad in first.values()]


@pytest.fixture
def corpus_of(corpus: list[Bad], full: bool) -> Callable[[str], list[Bad]]:
    """What goes in as the model or as the scaler: without ``--full`` the scaler is every third of them."""
    return lambda which: corpus if full or which == "model" else corpus[::3]


@pytest.fixture(autouse=True)
def nothing_ran(marker: Path) -> Iterator[None]:
    yield
    assert not marker.exists()


@pytest.fixture
def folder(registry_folder: Path) -> Path:
    """A registry with a benchmark, that measures and chooses by itself whatever comes in."""
    table = pd.DataFrame({"size": [0.0, 1.0, 2.0, 3.0], "answer": [0, 1, 0, 1]})
    with Registry(registry_folder) as registry:
        registry.add_benchmark("holdout", "Odd", table, "answer")
        registry.configure("Odd", rank_by="measured", reason="what is measured counts")
    return registry_folder


def good_file() -> io.BytesIO:
    content = io.BytesIO()
    joblib.dump(logistic()[0], content)
    content.seek(0)
    return content


def fitting_file() -> io.BytesIO:
    """A model of the one column that the benchmark has."""
    content = io.BytesIO()
    joblib.dump(LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]), content)
    content.seek(0)
    return content


def kept(folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Every file beside the catalog with its size, and how many rows each table of the catalog has."""
    files = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("registry.db")
    }
    with closing(sqlite3.connect(folder / "registry.db")) as catalog:
        row_checksums.connect(catalog)
        tables = [row[0] for row in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: catalog.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    return files, rows


def fits(bad: Bad, verdict: str) -> bool:
    return verdict == bad.expected or (bad.expected == "either" and verdict in ("refused", "quarantined"))


def check_held(registry: Registry, model_id: str) -> None:
    """A quarantined model is kept, and of no use to anybody."""
    known = registry.get_metadata(model_id)
    assert known.artifact == "quarantined"
    assert known.inspection["unknown"]
    assert registry.list_models(where={"eligible": True}) == []
    assert registry.evaluations(model_id) == []
    assert (registry.get_best_model_id("Odd"), registry.get_active_model_id("Odd")) == (None, None)
    with pytest.raises(ArtifactQuarantined):
        registry.load_model(model_id)
    with pytest.raises(NotEligible, match="quarantined"):
        registry.promote(model_id, override=True, reason="now")
    assert registry.deployments("Odd") == []


@pytest.mark.parametrize("which", ["model", "scaler"])
def test_uploads(which: str, corpus_of: Callable[[str], list[Bad]], folder: Path, marker: Path) -> None:
    wrong = []
    with Registry(folder) as registry:
        for bad in corpus_of(which):
            before = kept(folder)
            file = io.BytesIO(bad.data)
            files = (file, None) if which == "model" else (good_file(), file)
            try:
                model_id = registry.upload(*files, metadata=METADATA)
            except InvalidInput:
                verdict = "refused"
                if kept(folder) != before:
                    wrong.append(f"{bad.name} was refused, and left something behind")
            else:
                verdict = registry.get_metadata(model_id).artifact
                check_held(registry, model_id)
                assert registry.read_artifact(model_id, which) == bad.data
            if not fits(bad, verdict):
                wrong.append(f"{bad.name} is {verdict}")
            if marker.exists():
                wrong.append(f"{bad.name} RAN")
                marker.unlink()
        assert registry.verify_events() is None
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever looks into a file has no time for it, as with one that freezes whoever reads it."""
    inspector = inspecting.Inspector(seconds=0.001)
    monkeypatch.setattr(inspecting, "INSPECTOR", inspector)
    yield
    inspector.stop()


def test_a_file_that_takes_too_long_is_refused_and_the_next_one_is_not(
    folder: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Registry(folder) as registry:
        before = kept(folder)
        found = registry.inspect(good_file(), "Odd")
        assert (found.verdict, "did not answer within 0.001 s" in found.because) == ("refused", True)
        with pytest.raises(InvalidInput, match=r"the file is refused: the static scan did not answer .*Save the model"):
            registry.upload(good_file(), metadata=METADATA)
        assert kept(folder) == before
        monkeypatch.undo()
        assert registry.inspect(good_file(), "Odd").verdict == "trusted"


def test_who_comes_when_too_many_wait_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACES", places.Places(1, waiting=0))
    with Registry(folder) as registry:
        before = kept(folder)
        with pytest.raises(
            SandboxFailure, match="is busy: 0 files are being scanned and 0 waiting; try again in a minute"
        ):
            registry.upload(good_file(), metadata=METADATA)
        assert kept(folder) == before


@pytest.mark.parametrize("which", ["model", "scaler"])
def test_the_command(
    which: str, corpus_of: Callable[[str], list[Bad]], folder: Path, marker: Path, tmp_path: Path
) -> None:
    path, good, metadata = tmp_path / "winner.pkl", tmp_path / "good.pkl", tmp_path / "winner.json"
    good.write_bytes(good_file().getvalue())
    metadata.write_text(json.dumps(METADATA))
    files = [str(path)] if which == "model" else [str(good), "--scaler", str(path)]
    words = ["register", *files, "--metadata", str(metadata), "--json", "--registry", str(folder)]
    wrong = []
    for bad in corpus_of(which):
        path.write_bytes(bad.data)
        before = kept(folder)
        done = CliRunner().invoke(main, words)
        if done.exit_code:
            verdict = "refused"
            told = json.loads(done.stderr)
            if kept(folder) != before:
                wrong.append(f"{bad.name} was refused, and left something behind")
            if told["error"] != "InvalidInput" or not told["message"].startswith("winner.pkl is refused: "):
                wrong.append(f"{bad.name} ends in {told}")
        else:
            verdict = json.loads(done.stdout)["artifact"]
        if not fits(bad, verdict):
            wrong.append(f"{bad.name} is {verdict}")
        if marker.exists():
            wrong.append(f"{bad.name} RAN")
            marker.unlink()
    assert not wrong, "\n".join(wrong)


def test_what_the_command_says_of_a_bad_file_is_one_line(corpus: list[Bad], folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "winner.pkl"
    words = ["register", str(path), "--name", "Odd", "--type", "Bad", "--registry", str(folder)]
    for bad in corpus:
        # Of the others the message holds no word that the file has chosen.
        if bad.expected == "refused" and bad.name.startswith(("01", "20", "21", "38", "39")):
            path.write_bytes(bad.data)
            done = CliRunner().invoke(main, words)
            assert done.exit_code, bad.name
            assert done.stderr.endswith("\n"), bad.name
            assert done.stderr[:-1].isprintable(), f"{bad.name}: {done.stderr!r}"


@pytest.fixture
def thief(folder: Path) -> Iterator[Thief]:
    with closing(Thief(folder)) as thief:
        yield thief


@pytest.mark.parametrize("which", ["model", "scaler"])
def test_a_file_exchanged_together_with_its_digest(
    which: str, corpus_of: Callable[[str], list[Bad]], folder: Path, thief: Thief, marker: Path
) -> None:
    wrong = []
    with Registry(folder) as registry:
        champion, other = register(registry, 0.9), register(registry, 0.8)
        state = registry.revision(), registry.deployments()
        for bad in corpus_of(which):
            for model_id in (champion, other):
                thief.put(model_id, bad.data, which)
            for act in (
                lambda: registry.load_model(other),
                registry.load_active_model,
                lambda: registry.promote(other, override=True, reason="now"),
            ):
                try:
                    act()
                except ArtifactError as error:
                    if isinstance(error, ArtifactAltered):
                        wrong.append(f"{bad.name} was never looked at: {error}")
                else:
                    wrong.append(f"{bad.name} came into use")
            if marker.exists():
                wrong.append(f"{bad.name} RAN")
                marker.unlink()
        assert (registry.revision(), registry.deployments()) == state
    assert not wrong, "\n".join(wrong)


def test_a_quarantine_lifted_by_writing_into_the_catalog(corpus: list[Bad], folder: Path, thief: Thief) -> None:
    with Registry(folder) as registry:
        held = [bad for bad in corpus if bad.expected == "quarantined"]
        assert len(held) >= 5
        for bad in held:
            model_id = registry.upload(io.BytesIO(bad.data), metadata=METADATA)
            thief.trust(model_id)
            assert registry.get_metadata(model_id).artifact == "trusted"
            for act in (
                lambda model_id=model_id: registry.load_model(model_id),
                lambda model_id=model_id: registry.promote(model_id, override=True, reason="now"),
            ):
                with pytest.raises(ArtifactQuarantined):
                    act()
        assert registry.deployments("Odd") == []


def attribute(thing: bytes, which: str) -> bytes:
    return called(name("builtins", "getattr"), thing, text(which))


def builtin(which: str) -> bytes:
    """Any function of Python's, by attributes alone, from a class that every scikit-learn has."""
    method = attribute(name("sklearn.preprocessing._function_transformer", "FunctionTransformer"), "__init__")
    return called(attribute(called(attribute(attribute(method, "__globals__"), "get"), text("__builtins__")), "get"),
                  text(which))  # fmt: skip


def roundabout(target: Path) -> dict[str, bytes]:
    """Files that run something by names which only a reviewer can judge; quarantined, they can be measured."""
    touch, system = f"echo x > '{target}'", attribute(called(builtin("__import__"), text("os")), "system")
    return {
        "runs a program": whole(called(system, plain(touch))),
        "runs a program through a partial": whole(called(called(name("functools", "partial"), system, plain(touch)))),
        "opens a file": whole(called(builtin("open"), plain(str(target)), plain("w"))),
        "runs code": whole(called(builtin("exec"), plain(f"open({str(target)!r}, 'w').close()"))),
    }


def test_the_roundabout_ways_lead_somewhere(marker: Path) -> None:
    for what, data in roundabout(marker).items():
        with suppress(AttributeError), closing(pickle.loads(data)):
            pass
        assert marker.exists(), what
        marker.unlink()


@pytest.mark.slow
def test_measuring_a_quarantined_file_contains_it(corpus: list[Bad], folder: Path, marker: Path) -> None:
    files = roundabout(marker)
    # One pickle, one file of skops', one of ONNX: a fresh process is started for each.
    files |= {bad.name[:2]: bad.data for bad in corpus if bad.expected == "quarantined" and bad.name[:2] in SAMPLED}
    assert {*files} >= SAMPLED
    with Registry(folder) as registry:
        for what, data in files.items():
            bad = io.BytesIO(data)
            pair = (good_file(), bad) if what == "opens a file" else (bad, None)
            if registry.inspect(io.BytesIO(data)).verdict == "refused":
                with pytest.raises(InvalidInput, match="refused"):
                    registry.upload(*pair, metadata=METADATA)
                continue
            model_id = registry.upload(*pair, metadata=METADATA)
            check_held(registry, model_id)
            evaluation = registry.evaluate(model_id, seconds=20)
            assert evaluation.status == "failed", what
            assert evaluation.because, what
            assert not marker.exists(), what
            if what in roundabout(marker):
                with pytest.raises(InvalidConfiguration, match="may not be trusted"):
                    registry.trust(model_id, reason="it works")
            assert registry.get_metadata(model_id).artifact == "quarantined"
        assert registry.get_best_model_id("Odd") is None
        assert list((folder / "evaluations").iterdir()) == []


@pytest.mark.slow
def test_measuring_an_exchanged_file_contains_it(corpus: list[Bad], folder: Path, thief: Thief, marker: Path) -> None:
    live = {bad.name[:2]: bad for bad in corpus if bad.live}
    assert len(live) >= 15
    chosen = [live[line] for line in sorted(live)[::4]]
    with Registry(folder) as registry:
        registry.configure("Odd", auto_evaluate=False, reason="by hand")
        ids = [registry.upload(fitting_file(), metadata=METADATA) for _ in chosen]
        for model_id, bad in zip(ids, chosen, strict=True):
            thief.put(model_id, bad.data)
        # One worker for all of them is what a trusted file gets.
        found = {each.model_id: each for each in registry.evaluate_all("Odd")}
        for model_id, bad in zip(ids, chosen, strict=True):
            assert found[model_id].status == "failed", bad.name
            assert "could not be opened" in found[model_id].because, f"{bad.name}: {found[model_id].because}"
    assert not marker.exists()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.make(tmp_path_factory.mktemp("site") / "registry")


#: What ``test_uploads`` and the others above do not go through; ``python -m benchmarks.hostile`` goes through all.
FURTHER = ("restore", "import", "serve", "undo", "roll back", "rollback by health", "experiment", "running experiment")


@pytest.mark.parametrize("way", FURTHER)
def test_a_good_file_comes_into_use(way: str, site: Site, tmp_path: Path) -> None:
    with Scene.of(site, site.good(), tmp_path) as scene:
        assert enter(scene, ENTRANCES[way]) == "used"


@pytest.mark.parametrize("way", FURTHER)
def test_a_bad_file_does_not(way: str, site: Site, corpus: list[Bad], tmp_path: Path) -> None:
    live = next(bad for bad in corpus if bad.live)
    sample = {
        live.name: live.data,
        **dict([next(natives.bad_xgboost()), next(floods.files()), next(misfits.files())]),
    }
    outcomes: dict[str, Outcome] = {}
    for label, data in sample.items():
        with Scene.of(site, data, tmp_path) as scene:
            outcomes[label] = enter(scene, ENTRANCES[way])
    assert not [label for label, outcome in outcomes.items() if outcome == "used"]


@pytest.mark.parametrize("way", ["load", "serve", "running experiment"])
def test_bytes_that_nobody_loaded_here_open_in_the_sandbox_first(way: str, site: Site, tmp_path: Path) -> None:
    with Scene.of(site, site.good(), tmp_path) as scene:
        with scene.open() as registry:
            assert registry.answers_check(site.first) is None
        assert enter(scene, ENTRANCES[way]) == "used"
        with scene.open() as registry:
            check = registry.answers_check(site.first)
            assert check is not None
            assert (check.place, check.status) == ("sandbox", "agrees")
