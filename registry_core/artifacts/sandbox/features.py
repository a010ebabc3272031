"""The inputs of an evaluation as they travel: columns with their names, or a plain matrix."""

from __future__ import annotations

import io
from typing import Any

from ...errors import InvalidInput


def read(features: bytes) -> Any:
    """A DataFrame (n, k) from a Feather, Arrow or Parquet file; a matrix (n, k) from npy.

    Raises:
        InvalidInput: the bytes are none of these.
    """
    import numpy

    if features.startswith(b"\x93NUMPY"):
        matrix = numpy.load(io.BytesIO(features), allow_pickle=False)
        if matrix.ndim != 2:
            raise InvalidInput(f"the features have the shape {matrix.shape}; give a matrix of rows and columns")
        return matrix
    if features.startswith(b"ARROW1"):
        import pyarrow

        table = pyarrow.ipc.open_file(pyarrow.BufferReader(features)).read_all()
    elif features.startswith(b"PAR1"):
        import pyarrow.parquet

        table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(features)).read(use_threads=False)
    else:
        raise InvalidInput(
            f"the features begin with {features[:8]!r}; give a Feather, Arrow or Parquet file, or a matrix from npy"
        )
    return table.to_pandas(use_threads=False)
