"""Benchmarks: holdout sets the registry keeps, so that it can measure for itself."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ..artifacts import tables
from ..catalog import deployments, events, evidence, models
from ..catalog.database import Queries
from ..errors import InvalidInput, StateConflict
from ..events import EventKind
from ..evidence import Benchmark, Task
from ..file_keys import benchmark_file
from ..policies import Policy
from ..records import ModelMetadata
from ..rules import intake
from ..rules.metrics import checked
from ..signature import UNKNOWN, Signature
from ..tables import TableReading
from . import signatures
from .context import Context, check_reason
from .model_records import record

if TYPE_CHECKING:
    import pandas as pd

_FEW_CLASSES, MOST_CLASSES = 100, 1000


def add(
    context: Context,
    name: str,
    model_name: str,
    data: Any,
    target: str,
    *,
    features: Sequence[str] | None,
    slices: Sequence[str],
    thresholds: Mapping[str, float],
    protected: Sequence[str],
    task: Task | None,
    signature: Signature | None = None,
    actor: str | None,
    reason: str,
) -> Benchmark:
    """See ``Registry.add_benchmark``. ``signature`` says how columns are read where the model name has no version."""
    who, why = context.who(actor), check_reason(reason)
    intake.check_name(name, "the benchmark's name")
    intake.check_name(model_name, "model_name")
    if task not in (None, "classification", "regression"):
        raise InvalidInput(f"task is {task!r:.80}; allowed are 'classification' and 'regression'")
    if not isinstance(thresholds, Mapping):
        raise InvalidInput(f'thresholds is {thresholds!r:.80}; write metrics with bounds, such as {{"accuracy": 0.9}}')
    target, slices = str(target), _listed(slices, "slices")
    protected = _listed(protected, "protected")
    frame, _ = _table(context, data, model_name, target, signature)
    inputs = _columns(frame, target, None if features is None else _listed(features, "features"), slices, protected)
    wanted = dict(checked(metric, value) for metric, value in thresholds.items())
    kind = task or _usual_task(context, model_name) or _task(frame[target])
    _check_target(frame[target], kind, target)
    kept = frame[list(dict.fromkeys([*inputs, *slices, *protected, target]))]
    buffer = io.BytesIO()
    try:
        fingerprint = _fingerprint(kept)
        kept.to_parquet(buffer, index=False)
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        raise InvalidInput(
            f"the data cannot be stored as a table ({error}); give each column values of one type: numbers, texts or "
            "times"
        ) from error
    content = buffer.getvalue()
    after = {"benchmark": name, "rows": len(kept), "fingerprint": fingerprint, "thresholds": wanted}
    after |= {"protected": protected} if protected else {}
    with context.database.transaction() as transaction:
        for each in evidence.benchmarks(transaction, model_name):
            if each.name == name and each.fingerprint == fingerprint:
                if not context.store.exists(benchmark_file(fingerprint)):
                    # Its file was lost: the same rows are the way to mend that.
                    context.store.write(benchmark_file(fingerprint), content)
                    return each
                raise StateConflict(f"{model_name} already has the benchmark {name}, with the same content")
            if each.name == name:
                raise StateConflict(
                    f"{model_name} has another benchmark called {name}, of {each.rows:,} rows: existing evaluations "
                    f"refer to these rows. Give the new benchmark another name, such as {name}-2"
                )
        # Written under the lock: it is small beside a model, and no row may point at missing bytes.
        context.store.write(benchmark_file(fingerprint), content)
        now = context.now()
        seq, at = events.append(
            transaction,
            now=now,
            kind=EventKind.BENCHMARK_ADDED,
            actor=who,
            reason=why,
            model_name=model_name,
            after=after,
        )
        benchmark = Benchmark(
            name, model_name, kind, target, tuple(inputs), tuple(slices), wanted, len(kept), fingerprint, at, who,
            _classes(kept[target]) if kind == "classification" else (), tuple(protected),
        )  # fmt: skip
        evidence.insert_benchmark(transaction, seq, benchmark, sha256(content).hexdigest())
    return benchmark


def set_protected(
    context: Context, name: str, model_name: str, columns: Sequence[str], actor: str | None, reason: str
) -> Benchmark:
    """See ``Registry.set_protected_columns``."""
    who, why = context.who(actor), check_reason(reason)
    wanted = _listed(columns, "columns")
    found = chosen(context.database, model_name, name)
    assert found is not None
    # The rows never change, so they may be read before the catalog is locked.
    frame = read(context, found)
    _columns(frame, found.target, None, (), wanted)
    with context.database.transaction() as transaction:
        before = chosen(transaction, model_name, name)
        assert before is not None
        after = replace(before, protected=tuple(wanted))
        if after == before:
            return before
        events.append(
            transaction,
            now=context.now(),
            kind=EventKind.COLUMNS_PROTECTED,
            actor=who,
            reason=why,
            model_name=model_name,
            before={"benchmark": name, "protected": list(before.protected)},
            after={"benchmark": name, "protected": wanted},
        )
        evidence.set_protected(transaction, after, wanted)
    return after


def chosen(queries: Queries, model_name: str, name: str | None) -> Benchmark | None:
    """The benchmark of that name, else the newest of the model name that its champion can be measured on, else None.

    Raises:
        InvalidInput: there is none of that name.
    """
    known = evidence.benchmarks(queries, model_name)
    if name is None:
        return _fitting(queries, model_name, known) or (known[0] if known else None)
    found = next((each for each in known if each.name == name), None)
    if found is None:
        there = ", ".join(each.name for each in known) or "none yet: add_benchmark() adds one"
        raise InvalidInput(f"{model_name} has no benchmark {name!r:.80}; there is {there}")
    return found


def counting(queries: Queries, model_name: str, policy: Policy) -> Benchmark | None:
    """The benchmark that counts for ranking and gates; None also where the policy names one that is not there.

    Where the policy names none, the newest counts that the champion can be measured on: another would take away what
    is known of it.
    """
    if policy.benchmark is None:
        return _fitting(queries, model_name, evidence.benchmarks(queries, model_name))
    try:
        return chosen(queries, model_name, policy.benchmark)
    except InvalidInput:
        return None


def _fitting(queries: Queries, model_name: str, known: Sequence[Benchmark]) -> Benchmark | None:
    """The first of some benchmarks that the champion can be measured on; without a champion, the first."""
    champion = signatures.of_champion(queries, model_name) if known else None
    if champion is None:
        return known[0] if known else None
    # Loads numpy, which nobody waits for who only reads.
    from ..rules import matching

    return next((each for each in known if not matching.why_unfit(champion, each)), None)


def read(context: Context, benchmark: Benchmark) -> pd.DataFrame:
    """A benchmark's rows, its bytes checked against the catalog."""
    import pandas

    key = benchmark_file(benchmark.fingerprint)
    content = context.store.cached(key, evidence.file_digest(context.database, benchmark.fingerprint))
    return pandas.read_parquet(io.BytesIO(content))


def preview(context: Context, data: Any, model_name: str | None, target: str | None) -> TableReading:
    """See ``Registry.preview_table``."""
    return _table(context, data, model_name, target)[1]


def _table(
    context: Context, data: Any, model_name: str | None, target: str | None, signature: Signature | None = None
) -> tuple[pd.DataFrame, TableReading]:
    said_by = ""
    if model_name is not None:
        known = _reference(context, model_name)
        if known is not None:
            signature, said_by = signatures.signature(context.database, known), known.model_id
    kinds = signatures.column_kinds(signature or UNKNOWN, target)
    return tables.read(data, kinds, target, said_by if kinds else "")


def _reference(context: Context, model_name: str) -> ModelMetadata | None:
    """Whose signature says how columns are read: the champion, else the newest version."""
    intake.check_name(model_name, "model_name")
    current = deployments.current(context.database, model_name)
    row = models.find(context.database, current.model_id) if current else models.highest(context.database, model_name)
    return None if row is None else record(context, row)


def _columns(
    frame: pd.DataFrame, target: str, features: Sequence[str] | None, slices: Sequence[str], protected: Sequence[str]
) -> list[str]:
    named = {"target": [target], "features": features or [], "slices": slices, "protected": protected}
    for what, names in named.items():
        for column in names:
            if column not in frame.columns:
                there = ", ".join(map(str, frame.columns[:12]))
                raise InvalidInput(f"{what} names {column!r:.80}, which is not a column of the data; it has {there}")
    if target in protected:
        raise InvalidInput(f"protected names the target {target!r:.80}; name columns that divide the rows into groups")
    inputs = list(features) if features is not None else [name for name in frame.columns if name != target]
    if target in inputs:
        raise InvalidInput(
            f"the target {target!r} is among the features; remove it from them, since models are evaluated without "
            "labels"
        )
    if not inputs:
        raise InvalidInput(f"the data has only the target column {target!r}; add the feature columns")
    return inputs


def _listed(names: Any, what: str) -> list[str]:
    if isinstance(names, (str, bytes)) or not isinstance(names, (Sequence, set, frozenset)):
        raise InvalidInput(f"{what} is {names!r:.80}; give a list of column names")
    return list(dict.fromkeys(str(name) for name in names))


def _usual_task(context: Context, model_name: str) -> Task | None:
    """The task of the models of that name, where there are any."""
    row = models.highest(context.database, model_name)
    return None if row is None else record(context, row).task


def _task(target: pd.Series[Any]) -> Task:
    if target.dtype.kind == "f" and target.nunique() > 2 and not bool((target.dropna() % 1 == 0).all()):
        return "regression"
    return "classification" if target.nunique() <= _FEW_CLASSES else "regression"


def _check_target(target: pd.Series[Any], task: Task, name: str) -> None:
    import numpy as np

    missing = int(target.isna().sum())
    if missing:
        raise InvalidInput(f"the target {name!r} is missing in {missing:,} rows; remove these rows")
    if task == "classification" and not all(isinstance(each, str | int | float | bool) for each in target.tolist()):
        raise InvalidInput(f"the target {name!r} holds {target.dtype} values; give classes as texts or numbers")
    if target.dtype.kind == "f" and not bool(np.isfinite(target.to_numpy(dtype=float)).all()):
        raise InvalidInput(f"the target {name!r} holds infinite numbers; remove these rows")
    if task == "regression" and target.dtype.kind not in "biuf":
        raise InvalidInput(f"the target {name!r} holds text; a regression requires numbers")
    if task == "classification" and target.nunique() > MOST_CLASSES:
        raise InvalidInput(
            f"the target {name!r} has {target.nunique():,} classes; at most {MOST_CLASSES:,} are supported. If the "
            "target is a number to predict, give task='regression'"
        )


def _classes(target: pd.Series[Any]) -> tuple[Any, ...]:
    found = [each.item() if hasattr(each, "item") else each for each in target.unique()]
    return tuple(sorted(found, key=lambda each: (isinstance(each, str), each)))


def _fingerprint(frame: pd.DataFrame) -> str:
    """The sha256 of names, types and values in their order: the same whatever wrote the file."""
    import pandas

    heads = json.dumps([[name, str(kind)] for name, kind in frame.dtypes.items()])
    rows = pandas.util.hash_pandas_object(frame, index=False).to_numpy()
    return sha256(heads.encode() + rows.astype("<u8").tobytes()).hexdigest()
