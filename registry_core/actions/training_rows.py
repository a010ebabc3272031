"""Training rows: hashed where they are known, at registration, and looked for in every benchmark."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..artifacts import tables
from ..catalog import training_rows as kept
from ..errors import InvalidInput, StorageError
from ..evidence import Benchmark, TrainingOverlap
from ..signature import Signature
from . import lineage, signatures
from .context import Context

if TYPE_CHECKING:
    import pandas as pd


#: A larger file is only hashed, not read: reading it would take a registration minutes and the memory of a training.
MOST_BYTES = 200_000_000


def of_file(path: str | os.PathLike[str], signature: Signature) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """The rows of a file as the model takes them, and what its lineage says of them.

    Returns:
        the rows, None where the file is no table with the model's features; and ``rows``, ``columns``, ``from`` and
        ``until`` as ``lineage.of_table`` gives them, or ``rows_unknown``, the reason why the rows are not known.
    """
    name = os.path.basename(os.fspath(path))
    try:
        if os.path.getsize(path) > MOST_BYTES:
            return None, {"rows_unknown": f"{name} has more than {MOST_BYTES:,} bytes"}
        table = tables.read(path, signatures.column_kinds(signature))[0]
    except (InvalidInput, OSError, ValueError) as error:
        return None, {"rows_unknown": str(error)}
    rows = _as_taken(table, signature)
    if rows is None:
        return None, {"rows_unknown": f"{name} is not a table with the features of the model"}
    return rows, lineage.of_table(table)


def of_registration(context: Context, data: Any, signature: Signature) -> dict[str, Any] | None:
    """What is kept of the training rows; None where they are not given as rows, lack a feature, or are too many.

    Where this user can keep no key, nothing is kept: it would tell whose rows they are.
    """
    from ..rules import training_rows

    rows = _as_taken(data, signature)
    if rows is None or not 0 < len(rows) <= training_rows.MOST_ROWS:
        return None
    try:
        key = context.seals.key_of_rows(context.database, make=True)
    except StorageError:
        return None
    assert key is not None
    kinds = [feature.kind for feature in signature.features]
    return training_rows.sketch(training_rows.row_hashes(rows, kinds), key).to_dict()


def overlap(
    context: Context, seq: int, signature: Signature, benchmark: Benchmark, frame: pd.DataFrame
) -> TrainingOverlap | None:
    """How many rows of a benchmark a version was trained on; None where that is not known here."""
    document = kept.find(context.database, seq)
    rows = None if document is None else _as_taken(frame[list(benchmark.features)], signature)
    key = None
    # A key that cannot be read is no key; it says nothing of the model.
    with suppress(StorageError):
        key = context.seals.key_of_rows(context.database, make=False)
    if document is None or rows is None or key is None:
        return None
    from ..rules import training_rows

    kinds = [feature.kind for feature in signature.features]
    return training_rows.overlap(training_rows.Sketch.from_dict(document), training_rows.row_hashes(rows, kinds), key)


def _as_taken(data: Any, signature: Signature) -> pd.DataFrame | None:
    """Rows as the model takes them; None where they are no rows, or not those of this model."""
    import numpy as np
    import pandas as pd

    from ..rules.matching import Matcher

    if isinstance(data, np.ndarray) and data.ndim == 2:
        data = pd.DataFrame(data)
    if not isinstance(data, pd.DataFrame) or not signature.features or signature.takes != "table":
        return None
    if signature.names == "none":
        # A model that knows no names takes columns by their places.
        data = data.set_axis(range(data.shape[1]), axis=1)
    # What cannot be read as the model's rows says nothing of a benchmark; registering and evaluating go on.
    with suppress(InvalidInput, TypeError, ValueError):
        rows: pd.DataFrame = Matcher(signature, framed=True)(data).rows
        return rows
    return None
