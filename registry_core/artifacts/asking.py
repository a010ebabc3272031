"""Asking a loaded model: its scaler applied, its answers in one shape. And finding out what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..signature import ExampleAnswers, Feature, Kind, RowsFrom, Signature, SignatureTask
from . import examples
from .columns import Column, Columns, columns_of, made_rows

#: Of a category with more levels none are kept.
MOST_LEVELS = 1000
#: Whose estimators keep what they learned in attributes of their own.
_LIBRARIES = {"sklearn": "scikit-learn", "lightgbm": "LightGBM", "xgboost": "XGBoost"}
#: What an estimator may have or not, by its settings.
_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "score_samples")


class CannotAnswer(InvalidInput):
    """A model that gives no usable answer; the text says what it did."""


def check_model(model: Any, scaler: Any = None) -> None:
    """Whether an object can be a model at all, and another one its scaler.

    Raises:
        CannotAnswer: it has no ``predict``, or the scaler no ``transform``, and what it is instead.
    """
    if scaler is not None and not callable(getattr(scaler, "transform", None)):
        raise CannotAnswer(
            f"its scaler is {type(scaler).__name__}, which has no transform; register a transformer as scaler"
        )
    if isinstance(model, type):
        raise CannotAnswer(f"it is the class {model.__name__}, not a fitted model; save a fitted model")
    name = type(model).__name__
    if name == "Booster" and type(model).__module__ == "xgboost.core":
        raise CannotAnswer(
            "it is an XGBoost Booster, which takes a DMatrix instead of a table; save it with save_model as a .json "
            "or .ubj file, and register that file"
        )
    if callable(getattr(model, "predict", None)):
        return
    if callable(getattr(model, "transform", None)):
        raise CannotAnswer(
            f"it is {name}, which transforms and does not predict; register the model, with this transformer as its "
            "scaler"
        )
    if isinstance(model, dict):
        keys = ", ".join(map(repr, list(model)[:5]))
        raise CannotAnswer(f"it is a dict with the keys {keys}, not a model; save the model alone")
    raise CannotAnswer(f"it is {name}, which has no predict method; save a fitted model")


def labelled(model: Any, classes: Sequence[Any]) -> Any:
    """A model of a native format that knows its classes by number only, told which labels they are.

    Raises:
        CannotAnswer: there are more or fewer labels than it has classes.
    """
    told = getattr(model, "with_classes", None)
    if told is None or not classes or list(classes_of(model)) != list(range(len(classes_of(model)))):
        return model
    try:
        return told(list(classes))
    except ValueError as error:
        raise CannotAnswer(f"the given classes are not the classes of the model: {error}") from error


def scaled(model: Any, scaler: Any, rows: Any) -> Any:
    """Rows as the model takes them: through its scaler, with the names that the model knows."""
    if scaler is None:
        return rows
    found = scaler.transform(rows)
    if hasattr(rows, "columns") and not hasattr(found, "columns") and hasattr(model, "feature_names_in_"):
        return type(rows)(found, columns=model.feature_names_in_, index=rows.index)
    return found


def predicted(values: Any, rows: int) -> NDArray[Any]:
    """One answer a row, (rows,).

    Raises:
        CannotAnswer: there are more or fewer, or several numbers a row.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.shape[0] == rows:
        raise CannotAnswer(
            f"it returns {array.shape[1]} values per row, and only one is supported: register one model for each output"
        )
    if array.shape != (rows,):
        raise CannotAnswer(f"it returned the shape {array.shape} for {rows:,} rows; one prediction per row is required")
    return array


def answers_of(model: Any, scaler: Any, rows: Any) -> ExampleAnswers:
    """What a model answers to some rows: labels or numbers, and probabilities where it gives them.

    Raises:
        CannotAnswer: several outputs, or another shape than one answer a row.
        Exception: whatever the model raises.
    """
    count = int(rows.shape[0])
    table = scaled(model, scaler, rows)
    width = getattr(model, "n_features_in_", None)
    if scaler is not None and isinstance(width, int) and len(table.shape) == 2 and table.shape[1] != width:
        raise CannotAnswer(
            f"its scaler gives {table.shape[1]} columns and the model takes {width}; register the scaler of this model"
        )
    shares = probabilities_of(model, table, count)
    found = predicted(model.predict(table), count)
    classes = classes_of(model)
    if not classes and found.dtype.kind not in "biuf":
        raise CannotAnswer(
            f"it returns {found.ravel()[0]!r:.40} and has no classes_; set classes_ to the labels that it predicts"
        )
    if not classes and found.dtype.kind == "f" and not np.isfinite(found).any():
        raise CannotAnswer("its prediction is not finite for any row; check its predict method")
    if shares is not None and classes and shares.shape[1] != len(classes):
        raise CannotAnswer(
            f"it returns {shares.shape[1]} probabilities for {len(classes)} classes; correct its classes_"
        )
    return ExampleAnswers(found, shares, classes)


def probabilities_of(model: Any, table: Any, count: int) -> NDArray[Any] | None:
    """The probabilities of some rows, (rows, classes); None where the model gives none.

    Raises:
        CannotAnswer: it answers several outputs, or another shape.
        Exception: whatever the model raises.
    """
    try:
        found = model.predict_proba(table)
    except (AttributeError, NotImplementedError) as error:
        if _lacking(error):
            raise
        return None
    if isinstance(found, list):
        raise CannotAnswer(
            f"it returns {len(found)} outputs; models of one output are supported: register one for each output"
        )
    array = np.asarray(found)
    if array.ndim != 2 or len(array) != count or array.dtype.kind not in "fiu":
        raise CannotAnswer(
            f"predict_proba returned the shape {array.shape} for {count:,} rows; one column per class is required"
        )
    return array


def classes_of(model: Any) -> tuple[Any, ...]:
    """The labels a model answers, in the order of its probabilities; none where it has no list of them.

    Raises:
        CannotAnswer: it has a list for each of several outputs.
    """
    classes = getattr(model, "classes_", None)
    if classes is None or isinstance(classes, dict) or callable(classes):
        return ()
    if isinstance(classes, list) and classes and hasattr(classes[0], "shape"):
        raise CannotAnswer(
            f"it has {len(classes)} outputs;  models of one output are supported: register one for each output"
        )
    return tuple(getattr(classes, "tolist", lambda: list(classes))())


def example_rows(
    model: Any, scaler: Any, given: Any, names: Sequence[str], ask: Callable[[Any], ExampleAnswers]
) -> tuple[Any, RowsFrom, ExampleAnswers | None, str]:
    """Rows to ask a model, where they come from, its answers to them, and why there are none.

    Rows that were ``given`` have to be answered; made ones are tried one table after the other.

    Raises:
        CannotAnswer: it is not fitted, lacks what its library needs, or answers in a shape that no model of one output
            has.
        Exception: whatever the model raises at rows that were given.
    """
    if given is not None:
        rows = examples.sample(examples.table(given))
        try:
            return rows, "input_example", ask(rows), ""
        except Exception as error:
            if type(error).__name__ == "NotFittedError":
                raise CannotAnswer(f"it is not fitted: {error}") from error
            raise
    check_model(model)
    known = columns_of(model, scaler)
    failures: list[Exception] = []
    for rows in made_rows(known, names, len(names) or None):
        try:
            return rows, "made", ask(rows), ""
        except CannotAnswer:
            raise
        # Whether rows that were made up suit a model is known once it has answered.
        except Exception as error:
            if type(error).__name__ == "NotFittedError":
                raise CannotAnswer(f"it is not fitted: {error}") from error
            if lacking := _lacking(error):
                raise CannotAnswer(lacking) from error
            failures.append(error)
    said = f" ({type(failures[0]).__name__}: {str(failures[0])[:200]})" if failures else ""
    library = type(model).__module__.partition(".")[0]
    # Their own estimators take any numbers of the right width.
    bare = library in ("lightgbm", "xgboost") and known.columns
    if bare and failures and all(isinstance(each, TypeError) for each in failures):
        raise CannotAnswer(
            f"it cannot predict rows of {len(bare):,} numbers{said}, which happens with files of another "
            f"{_LIBRARIES[library]} version; save the model with the installed version"
        )
    return None, "none", None, f"it cannot predict generated rows{said}; register the model with input_example="


def _lacking(error: Exception) -> str:
    """What a library's estimator lacks that no rows can give it; empty where the error is another one.

    Files of another release lack the attributes that came later. A method that is there for some settings only, such as
    ``predict_proba``, is no such attribute, nor is one of the rows.
    """
    if not isinstance(error, AttributeError) or error.name is None or error.name in _METHODS:
        return ""
    owner = type(error.obj)
    library = owner.__module__.partition(".")[0]
    if library not in _LIBRARIES:
        return ""
    return (
        f"its {owner.__name__} has no {error.name}, which the installed {_LIBRARIES[library]} requires: it was not "
        "fitted, or saved with another version; save the model with the installed version"
    )


def signature_of(
    model: Any,
    scaler: Any,
    rows: Any,
    answers: ExampleAnswers | None,
    names: Sequence[str],
    classes: Sequence[Any] = (),
) -> Signature:
    """What a model takes and gives, from the object, the rows it answered, and the names that were given.

    Raises:
        CannotAnswer: it has several outputs.
    """
    known = columns_of(model, scaler)
    labels = classes_of(model) or tuple(classes)
    shares = answers is not None and answers.probabilities is not None
    if known.text is not None or (rows is not None and len(rows.shape) == 1):
        return Signature((), "none", "text", _task(model, labels), labels, shares)
    features, source = _features(known, rows, names)
    return Signature(features, source, "table", _task(model, labels), labels, shares)


def _features(known: Columns, rows: Any, names: Sequence[str]) -> tuple[tuple[Feature, ...], Any]:
    framed = hasattr(rows, "columns")
    width = len(known.columns or known.names or names) or (int(rows.shape[1]) if rows is not None else 0)
    source = "model" if known.names else "given" if len(names) == width and names else "none"
    if source == "none" and framed and all(isinstance(name, str | int) for name in rows.columns):
        source, names = "given", [str(name) for name in rows.columns]
    called = known.names or (tuple(names) if source == "given" else tuple(f"x{place}" for place in range(width)))
    columns = known.columns or (Column(),) * width
    places = {str(name): place for place, name in enumerate(rows.columns)} if framed else {}
    found = []
    for place, (name, column) in enumerate(zip(called, columns, strict=True)):
        kind, levels, typed = column.kind, column.levels, column.typed
        if framed and (at := places.get(name, place if source == "given" else None)) is not None:
            seen, seen_levels = _kind_of(rows.iloc[:, at])
            typed = typed or str(rows.iloc[:, at].dtype) == "category"
            if typed or (kind in ("unknown", "number") and seen != "unknown"):
                kind, levels = seen, seen_levels
        elif kind == "unknown" and rows is not None and not framed and rows.dtype.kind in "biuf":
            kind = "boolean" if rows.dtype.kind == "b" else "number"
        kept = _kept(levels)
        found.append(Feature(name, kind, kept, typed and bool(kept)))
    return tuple(found), source


def _kept(levels: tuple[Any, ...]) -> tuple[Any, ...]:
    """Levels as a signature holds them: plain values, and not as many as an id has."""
    plain = all(isinstance(level, str | int | float) for level in levels)
    return levels if plain and len(levels) <= MOST_LEVELS else ()


def _kind_of(column: Any) -> tuple[Kind, tuple[Any, ...]]:
    kind = str(column.dtype)
    if kind == "category":
        return "category", tuple(column.cat.categories.tolist())
    if kind in ("bool", "boolean"):
        return "boolean", ()
    if kind.startswith("datetime64"):
        return "datetime", ()
    if getattr(column.dtype, "kind", "O") in "iuf":
        return "number", ()
    values = [each for each in column.tolist() if each is not None and each == each]
    return ("text" if values and all(isinstance(each, str) for each in values) else "unknown"), ()


def _task(model: Any, classes: Sequence[Any]) -> SignatureTask | None:
    if classes:
        return "binary" if len(classes) <= 2 else "multiclass"
    from .describe import task_of

    return "regression" if task_of(model) == "regression" else None
