"""The keys of a registry's files: relative paths, the same in a folder and in a bucket. Stored rows hold them too."""

from __future__ import annotations


def model_files(model_id: str) -> tuple[str, str]:
    """The keys of a version's model and of its scaler, whether it has one or not."""
    return f"models/model_{model_id}.pkl", f"models/scaler_{model_id}.pkl"


def metadata_file(model_id: str) -> str:
    """The key of a version's metadata document."""
    return f"metadata/model_{model_id}.json"


def benchmark_file(fingerprint: str) -> str:
    """The key of a benchmark's rows, by the SHA-256 of their content."""
    return f"benchmarks/{fingerprint}.parquet"
