"""What a session works with: the registry at its present revision, who acts, which model name was chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import streamlit as st

from dashboard import served, sign_in
from registry_core import (
    AnswersCheck,
    Benchmark,
    Comparison,
    Confusion,
    Curve,
    Deployment,
    Evaluation,
    Event,
    EventKind,
    Experiment,
    ExperimentReport,
    GateReport,
    ModelCard,
    ModelMetadata,
    ModelNameSummary,
    Paired,
    Proof,
    RankingPreview,
    Registry,
    RegistryError,
    Review,
    ReviewRequest,
    Score,
    Signature,
)

T = TypeVar("T")

#: How many versions a chart or a history reads at most, the newest first; the page says so when there are more.
HISTORY = 1000
#: Up to so many bytes a file's hash is recomputed before it is offered for download.
CHECKED_WHOLE = 20_000_000
#: What has ended changes only by outcomes that come late.
ENDED_SECONDS = 30.0
#: How many versions are offered as challengers, the best first.
CANDIDATES = 300
#: The kinds of events that an experiment leaves.
EXPERIMENT_EVENTS = tuple(kind for kind in EventKind if kind.startswith(("experiment_", "challenger_")))


@dataclass(frozen=True)
class View:
    """The registry as one run of a page sees it: everything it asks belongs to one revision."""

    shared: served.Shared
    revision: int

    @property
    def registry(self) -> Registry:
        return self.shared.registry

    def _recall(self, key: Hashable, ask: Callable[[], T]) -> T:
        return self.shared.recall(self.revision, key, ask)

    def names(self) -> list[str]:
        return self._recall("names", self.registry.model_names)

    def summaries(self) -> list[ModelNameSummary]:
        return self._recall("summaries", self.registry.summaries)

    def summary(self, name: str) -> ModelNameSummary | None:
        return next((each for each in self.summaries() if each.model_name == name), None)

    def champion(self, name: str) -> ModelMetadata | None:
        summary = self.summary(name)
        return summary.champion if summary else None

    def metric_names(self, name: str) -> list[str]:
        return self._recall(("metrics", name), lambda: self.registry.metric_names(name))

    def model_types(self, name: str) -> list[str]:
        return self._recall(("types", name), lambda: self.registry.model_types(name))

    def evaluation_sets(self, name: str) -> list[str]:
        return self._recall(("sets", name), lambda: self.registry.evaluation_sets(name))

    def count(self, name: str | None, where: Mapping[str, Any]) -> int:
        key = ("count", name, repr(sorted(where.items())))
        return self._recall(key, lambda: self.registry.count_models(name, where=where))

    def metadata(self, model_id: str) -> ModelMetadata:
        return self._recall(("model", model_id), lambda: self.registry.get_metadata(model_id))

    def file_problem(self, model: ModelMetadata, which: str) -> str | None:
        """Why a file of a model cannot be handed out, or None. A large one is looked at, not read."""
        may = self._recall(("may read", model.model_name), lambda: self.registry.may("read_artifact", model.model_name))
        if not may.allowed:
            return may.reason
        path, size = (
            (model.model_file_path, model.model_bytes)
            if which == "model"
            else (model.scaler_file_path or "", model.scaler_bytes)
        )
        stamp: tuple[int, int] | None = None
        if "://" not in path:
            try:
                found = os.stat(path)
            except OSError as error:
                return f"{path} cannot be read ({error.strerror}). Restore it from a backup."
            stamp = (found.st_size, found.st_mtime_ns)
            if size > CHECKED_WHOLE and found.st_size != size:
                return f"{path} was altered: it has {found.st_size:,} bytes, at registration it had {size:,}."
        if size > CHECKED_WHOLE:
            return None

        def ask() -> str | None:
            try:
                self.registry.read_artifact(model.model_id, which)
            except RegistryError as error:
                return str(error)
            return None

        return self._recall(("file", model.model_id, which, stamp), ask)

    def compare(self, model_ids: Sequence[str]) -> Comparison:
        return self._recall(("compare", *model_ids), lambda: self.registry.compare(model_ids))

    def history(self, name: str, limit: int = HISTORY) -> list[dict[str, Any]]:
        """The newest versions of a name, oldest first."""

        def ask() -> list[dict[str, Any]]:
            rows = self.registry.get_model_comparison(limit, name, order_by="registered_at", descending=True)
            return rows[::-1]

        return self._recall(("history", name, limit), ask)

    def deployments(self, name: str) -> list[Deployment]:
        return self._recall(("deployments", name), lambda: self.registry.deployments(name))

    def deployed(self, name: str) -> list[dict[str, Any]]:
        """Every model that has been champion of a name, in the shape of a history's rows."""

        def ask() -> list[dict[str, Any]]:
            ids = dict.fromkeys(each.model_id for each in self.deployments(name))
            return [dict(vars(self.registry.get_metadata(model_id))) for model_id in list(ids)[:HISTORY]]

        return self._recall(("deployed", name), ask)

    def rollbacks(self, name: str) -> list[Event]:
        key = ("rollbacks", name)
        return self._recall(key, lambda: self.registry.events(name, limit=None, kinds=["rolled_back"]))

    def version_of(self, model_id: str) -> str:
        return self.metadata(model_id).version

    def versions_of(self, events: Sequence[Event]) -> dict[str, str]:
        """The version of every model that events are about or took out of production, by its id."""
        ids = {each.model_id for each in events} | {each.before.get("champion") for each in events}
        found: dict[str, str] = {}
        for model_id in ids:
            with suppress(RegistryError):
                found |= {model_id: self.version_of(model_id)} if model_id else {}
        return found

    def lower_is_better(self, name: str, metric: str) -> bool:
        return self.registry.lower_is_better(metric, name)

    def recent_events(self, name: str | None = None, model_id: str | None = None, limit: int = 300) -> list[Event]:
        key = ("events", name, model_id, limit)
        return self._recall(key, lambda: self.registry.events(name, limit=limit, model_id=model_id))

    def explain_score(self, model_id: str) -> Score:
        return self._recall(("score", model_id), lambda: self.registry.explain_score(model_id))

    def rollback_target(self, name: str) -> str | None:
        return self._recall(("rollback", name), lambda: self.registry.rollback_target(name))

    def count_events(self, **conditions: Any) -> int:
        key = ("events", repr(sorted(conditions.items())))
        return self._recall(key, lambda: self.registry.count_events(**conditions))

    def settings_events(self, limit: int, offset: int) -> list[Event]:
        """The events that changed the settings, newest first."""
        key, kinds = ("settings events", limit, offset), ("created", "configured")
        return self._recall(key, lambda: self.registry.events(limit=limit, offset=offset, kinds=kinds))

    def preview_configuration(self, name: str | None, changes: Mapping[str, Any]) -> dict[str, RankingPreview]:
        """How changed settings would rank the versions."""
        key = ("ranking preview", name, repr(sorted(changes.items())))
        return self._recall(key, lambda: self.registry.preview_configuration(name, **changes))

    def benchmarks(self, name: str) -> list[Benchmark]:
        return self._recall(("benchmarks", name), lambda: self.registry.benchmarks(name))

    def benchmark(self, name: str) -> Benchmark | None:
        """The benchmark that counts for a model name."""
        return self._recall(("counting benchmark", name), lambda: self.registry.counting_benchmark(name))

    def evaluations(self, model_id: str) -> list[Evaluation]:
        return self._recall(("evaluations", model_id), lambda: self.registry.evaluations(model_id))

    def evaluation(self, model: ModelMetadata) -> Evaluation | None:
        """The newest evaluation of a model on the benchmark that counts."""
        benchmark = self.benchmark(model.model_name)
        found = self.evaluations(model.model_id) if benchmark else []
        return next((each for each in found if benchmark and each.fingerprint == benchmark.fingerprint), None)

    def gates(self, model_id: str) -> GateReport:
        def ask() -> GateReport:
            if self.answers_check(model_id) is not None:
                return self.registry.check_gates(model_id)
            with st.spinner("Checking in the sandbox that the model loads and predicts …", show_time=True):
                return self.registry.check_gates(model_id)

        return self._recall(("gates", model_id), ask)

    def model_card(self, model_id: str) -> ModelCard:
        """What a version is, what it rests on, and what people say of it."""
        return self._recall(("model card", model_id), lambda: self.registry.model_card(model_id))

    def signature(self, model_id: str) -> Signature:
        """What a version takes and gives."""
        return self._recall(("signature", model_id), lambda: self.registry.signature(model_id))

    def proof(self, model_id: str) -> Proof | None:
        """Where the example rows of a version come from."""
        return self._recall(("proof", model_id), lambda: self.registry.proof(model_id))

    def answers_check(self, model_id: str) -> AnswersCheck | None:
        """What came of asking a version here; None where nobody did."""
        return self._recall(("answers", model_id), lambda: self.registry.answers_check(model_id))

    def paired(self, first: str, second: str) -> Paired | None:
        """The second model against the first on the same rows; None where one of them was not measured there."""

        def ask() -> Paired | None:
            try:
                return self.registry.compare_measured(first, second)
            except RegistryError:
                return None

        return self._recall(("paired", first, second), ask)

    def curves(self, model_id: str) -> tuple[tuple[Curve, ...], Confusion | None]:
        """The curves of a measured model; none where its answers are gone."""

        def ask() -> tuple[tuple[Curve, ...], Confusion | None]:
            try:
                return self.registry.curves(model_id)
            except RegistryError:
                return (), None

        return self._recall(("curves", model_id), ask)

    def insight(self, key: Hashable, ask: Callable[[], T]) -> tuple[T | None, str]:
        """What explains a version, or None and the reason why it is not known."""

        def safely() -> tuple[T | None, str]:
            try:
                return ask(), ""
            except RegistryError as error:
                return None, str(error)

        return self._recall(("insight", key), safely)

    def reviews(self, model_id: str) -> list[Review]:
        return self._recall(("reviews", model_id), lambda: self.registry.reviews(model_id))

    def review_requests(self, model_id: str | None = None, *, mine: bool = False) -> list[ReviewRequest]:
        """Open review requests: of a version, or those that wait for whoever signed in."""
        return self._recall(("requests", model_id, mine), lambda: self.registry.review_requests(model_id, mine=mine))

    def experiments(self, name: str) -> list[Experiment]:
        """Every experiment of a model name, newest first."""
        return self._recall(("experiments", name), lambda: self.registry.experiments(name))

    def experiment(self, experiment_id: int) -> Experiment:
        return self._recall(("experiment", experiment_id), lambda: self.registry.experiment(experiment_id))

    def experiment_report(self, experiment_id: int) -> ExperimentReport:
        """What an experiment has shown a moment ago, or now."""
        key = ("experiment report", experiment_id, self.revision)
        seconds = served.LIVE_SECONDS if self.experiment(experiment_id).ended_at is None else ENDED_SECONDS
        return self.shared.recall_briefly(key, lambda: self.registry.experiment_report(experiment_id), seconds)

    def experiment_events(self, experiment: Experiment) -> list[Event]:
        """What happened to an experiment, newest first."""
        number = experiment.experiment_id

        def ask() -> list[Event]:
            found = self.registry.events(experiment.model_name, limit=None, kinds=EXPERIMENT_EVENTS)
            return [each for each in found if number in (each.event_id, each.after.get("experiment"))]

        return self._recall(("experiment events", number), ask)

    def candidates(self, name: str) -> list[ModelMetadata]:
        """The versions that may challenge the champion as far as their state goes, the best first."""

        def ask() -> list[ModelMetadata]:
            champion = self.registry.get_active_model_id(name)
            found = self.registry.list_models(name, where={"eligible": True}, limit=CANDIDATES)
            return [each for each in found if each.model_id != champion]

        return self._recall(("candidates", name), ask)

    def versions(self, experiments: Sequence[Experiment]) -> dict[str, str]:
        """The version of every model that takes or took part, by its id."""
        ids = {each.champion_id for each in experiments}
        ids |= {arm.challenger_id for each in experiments for arm in each.arms}
        return {model_id: self.version_of(model_id) for model_id in ids}

    def broken_event(self) -> int | None:
        return self._recall("chain", self.registry.verify_events)


def view() -> View:
    """The registry as it stands at this moment, as whoever signed in sees it."""
    shared = served.shared(sign_in.current())
    return View(shared, shared.registry.revision())


def registry() -> Registry:
    """The registry as whoever signed in uses it. Asked at every click: a role or session may be gone since."""
    return served.shared(sign_in.current()).registry


def signed_in() -> bool:
    """Whether somebody signed in, so that their name is known and nobody types it."""
    return sign_in.current() is not None


def actor() -> str:
    """Who acts, as it goes into the record: who signed in, else the name in the sidebar."""
    acting = registry()
    if signed_in():
        return acting.actor
    return str(st.session_state.get("actor") or "").strip() or acting.actor


def act_as(name: str) -> None:
    """Take over the name somebody decided under: the sidebar shows it from the next run on, and Undo uses it."""
    st.session_state["next_actor"] = name


def model_name() -> str | None:
    """The model name chosen at the top, or None in an empty registry."""
    return cast("str | None", st.session_state.get("model"))
