"""A predictor of a registry behind a server: it answers as one in the server's process, and loses nothing."""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry_core import (
    FailedCalls,
    InvalidInput,
    ModelNotFound,
    NotAllowed,
    PredictionBatch,
    Registry,
    StorageError,
)
from registry_core.actions.serve import batches
from registry_core.actions.serve.log import Answered
from registry_core.catalog.telemetry.windows import input_counts
from tests.http_api.serving import Serving, serving, token
from tests.processes import until
from tests.traffic import Mute, experiment, fitted, register, rows, trust


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("registry_core.remote.connection._TRIES", 2)
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server:
        yield server


def test_an_experiment_is_routed_and_counted_as_in_the_servers_process(server: Serving) -> None:
    inputs, truth = rows(300)
    units = [f"customer {place}" for place in range(300)]
    with Registry(server.folder, actor="the owner") as own:
        first = register(own, 0.9, reference=rows()[0])
        second = register(own, 0.8, fitted(sign=-1))
        seq = experiment(own, second, share=0.4)
        shadow = register(own, 0.7, fitted(labels=(0, 1)))
        experiment(own, shadow, mode="shadow")
        own.configure("Churn", monitoring={"slices": ["first"]}, reason="watched")
        secret = token(own, "serve", "downloader")
        here = own.predictor("Churn").predict_proba(inputs, units=units)
        with Registry(server.address, token=secret) as remote:
            predictor = remote.predictor("Churn")
            there = predictor.predict_proba(inputs, units=units)
            assert (there.values == here.values).all()
            assert (there.model_ids == here.model_ids).all()
            assert {*there.model_ids} == {first, second}
            assert not {*there.prediction_ids.tolist()} & {*here.prediction_ids.tolist()}
            assert predictor.predict([[1.0, 2.0]], units=units[:1]).model_ids[0] == here.model_ids[0]
            for answer in (here, there):
                labels = dict(zip(answer.prediction_ids.tolist(), truth.tolist(), strict=True))
                assert remote.record_outcomes(labels).recorded == 300
            by_unit = remote.record_outcomes(units=units, labels=truth, model_name="Churn")
            assert (by_unit.recorded, by_unit.repeated) == (1, 299)  # the single row is newer
        history = own.prediction_history("Churn").sort_values("prediction_id")
        kept = {which: history[history.prediction_id.isin(answer.prediction_ids)] for which, answer in
                (("here", here), ("there", there))}  # fmt: skip
        columns = ["unit", "model_id", "role", "experiment_id", "answer", "score", "truth"]
        expected = kept["here"].sort_values(["unit", "role"])[columns].reset_index(drop=True)
        assert kept["there"].sort_values(["unit", "role"])[columns].reset_index(drop=True).equals(expected)
        assert {"champion", "split", "shadow"} == {*kept["there"].role}
        assert int((history.role != "shadow").sum()) == 601
        windows = own.performance_history("Churn", second)
        assert {each.experiment_id for each in windows} == {seq}
        counts = input_counts(own._context.telemetry, first, 0, 1 << 62)
        (counted,) = (json.loads(each) for each in counts.values())
        # A request of each predictor, and the single row.
        by_first = int((here.model_ids == first).sum())
        assert sum(counted["first"]) == 2 * by_first + (here.model_ids[0] == first)


def test_predictions_outlast_a_server_that_is_away(server: Serving) -> None:
    inputs, _ = rows(50)
    with Registry(server.folder, actor="the owner") as own:
        first, second = register(own, 0.9), register(own, 0.8)
        own.promote(first, reason="first", override=True)
        secret = token(own, "serve", "downloader")
        remote = Registry(server.address, token=secret)
        predictor = remote.predictor("Churn")
        ids = predictor.predict(inputs).prediction_ids.tolist()
        predictor.flush()
        server.end(signal.SIGKILL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            for _ in range(5):
                answer = predictor.predict(inputs)
                assert {*answer.model_ids} == {first}
                ids += answer.prediction_ids.tolist()
            with pytest.raises(StorageError, match="does not answer"):
                predictor.flush()
        own.promote(second, reason="meanwhile", override=True)
        server.start()
        assert until(lambda: {*predictor.predict(inputs).model_ids} == {second})
        # A process that ends in the usual way has sent everything.
        assert until(lambda: _sent(predictor))
        remote.close()
        history = own.prediction_history("Churn")
        stored = history[history.role != "shadow"].prediction_id.tolist()
        assert {*ids} <= {*stored}
        assert len(stored) == len({*stored})


def _sent(predictor: Any) -> bool:
    try:
        predictor.flush()
    except StorageError:
        return False
    return True


def test_a_service_that_starts_while_the_server_is_away_predicts(server: Serving) -> None:
    inputs, _ = rows(10)
    with Registry(server.folder) as own:
        register(own)
        secret = token(own, "serve", "downloader")
        with Registry(server.address, token=secret) as remote:
            expected = remote.predictor().predict(inputs).values
        server.end(signal.SIGKILL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            remote = Registry(server.address, token=secret)
            answer = remote.predictor("Churn").predict(inputs)
            assert (answer.values == expected).all()
            assert not answer.prediction_ids.any()
            remote.close()


def test_a_champion_that_fails_is_told(server: Serving) -> None:
    inputs, _ = rows(10)
    with Registry(server.folder) as own:
        trust(own)
        own.configure("Churn", monitoring={"on_degradation": "suggest"}, reason="a person decides")
        healthy, mute = register(own, 0.8), register(own, 0.9, fitted(Mute))
        assert own.get_active_model_id("Churn") == mute
        secret = token(own, "serve", "downloader")
        trusted = ["tests.traffic.Mute"]
        with Registry(server.address, token=secret, trusted_globals=trusted) as remote:
            predictor = remote.predictor("Churn")
            for _ in range(20):
                assert {*predictor.predict(inputs).model_ids} == {healthy}
        assert [each.kind for each in own.alerts("Churn")] == ["champion_failing"]
        assert sum(each.failures for each in own.performance_history("Churn", mute)) == 20


def test_batches_are_stored_once(tmp_path: Path) -> None:
    with Registry(tmp_path / "registry") as own:
        model_id = register(own)
        first = own.reserve_predictions("Churn")
        at = (first >> 20) * 1000

        def batch(number: int, ids: list[int], **changes: Any) -> PredictionBatch:
            fields: dict[str, Any] = {
                "classes": (0, 1),
                "answers": [1] * len(ids),
                "deployment_id": own.serving_plan("Churn").champion.deployment_id,
            }
            return PredictionBatch(number, model_id, "champion", at, ids=ids, **{**fields, **changes})

        send = own.record_predictions
        assert send("Churn", "a", [batch(1, [first, first + 1]), batch(2, [], failed_rows=3)]) == 2
        assert (
            send("Churn", "a", [batch(1, [first, first + 1]), batch(2, [], failed_rows=3), batch(3, [first + 2])]) == 1
        )
        assert own.prediction_history("Churn").prediction_id.tolist() == [first, first + 1, first + 2]
        assert sum(each.failures for each in own.performance_history("Churn")) == 1
        for wrong, because in (
            (batch(9, [first]), "in use"),
            (batch(9, [first + (1 << 40)]), "not reserved"),
            (batch(9, [7, 7]), "off by more|not reserved"),
            (batch(9, [first + 5], answers=[]), "0 answers for 1 ids"),
            (batch(9, [first + 5], deployment_id=999), "deployment"),
            (batch(9, [first + 5], task="nonsense"), "no serving plan"),
            (batch(9, [first + 5], answers=[2], coded=True), "outside"),
            (batch(9, [first + 5], answers=[9_000_000], classes=(), coded=True), "outside"),
            (batch(9, [first + 5], answers=["x"], task="regression", loss="squared_error"), "cannot be read"),
            (PredictionBatch(9, "absent", "champion", at), "no version"),
            (batch(9, [first + 5], inputs={"form": "nonsense"}), "rows"),
        ):
            with pytest.raises(InvalidInput, match=because):
                send("Churn", "b", [wrong])
        other, later = register(own, model_name="Fraud"), register(own, 0.1)
        for failing, because in (
            (FailedCalls(other, None, 1, "x"), "no version of Churn"),
            (FailedCalls(model_id, other, 1, "x"), "no version of Churn"),
            (FailedCalls(model_id, None, 0, "x"), "0 calls"),
            (FailedCalls(model_id, None, 1, "x" * 501), "at most 500"),
        ):
            with pytest.raises(InvalidInput, match=because):
                send("Churn", "b", failing=failing)
        assert own.alerts() == []
        with pytest.raises(InvalidInput, match="another version"):
            send("Churn", "b", [replace(batch(9, [first + 5]), model_id=later)])
        with pytest.raises(InvalidInput, match="client has 101"):
            send("Churn", "b" * 101, [])
        with pytest.raises(ModelNotFound):
            send("Absent", "b", [])
        assert len(own.prediction_history("Churn")) == 3


def test_an_answer_is_the_same_when_it_was_received() -> None:
    from registry_core.catalog.telemetry.streams import Stream

    stream = Stream("Churn", "m", "champion", 0, 7, "", "classification", -1, "", 60)
    sent = Answered(
        stream, 5, np.array([3, 4]), ["a", "b"], np.array([0, 1]), np.array([0.25, np.nan]), ("x", "y"), True,
        np.array([[1.0], [2.0]]), number=9, slices={"region": ["north", None]},
    )  # fmt: skip
    (batch,) = batches.sent(sent)
    again = batches.received("Churn", batch)
    assert (again.stream, again.at, again.units, again.classes) == (stream, 5, ["a", "b"], ("x", "y"))
    assert (again.ids.tolist(), again.answers.tolist()) == ([3, 4], [0, 1])
    assert np.array_equal(again.scores, sent.scores, equal_nan=True)  # pyrefly: ignore[bad-argument-type]
    assert (again.inputs.tolist(), again.slices) == ([[1.0], [2.0]], {"region": ["north", "missing"]})


def test_who_may_not_predict(server: Serving) -> None:
    with Registry(server.folder) as own:
        register(own)
        with Registry(server.address, token=token(own, "downloader")) as remote, pytest.raises(NotAllowed):
            remote.predictor("Churn")
        with Registry(server.address, token=token(own, "serve", "downloader")) as remote:
            with pytest.raises(ModelNotFound):
                remote.predictor("Absent")
            with pytest.raises(InvalidInput, match="log is"):
                remote.predictor("Churn", log="nonsense")  # pyrefly: ignore[bad-argument-type]
