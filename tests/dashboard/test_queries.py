"""The address and the widgets <-> typed queries."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from dashboard import queries
from dashboard.queries import Board, Log


def test_a_board_asks_for_one_page() -> None:
    board = Board("Churn", search=" rf ", types=("A",), status="Rejected", order_by="auc", descending=False, page=3)
    query = board.models()
    assert (query.limit, query.offset, query.order_by, query.descending) == (50, 100, "auc", False)
    assert query.where == {"status": "rejected", "search": "rf", "model_type": ["A"]}
    assert board.filtered
    assert not Board("Churn").filtered


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        ("Version", ("version", True)),
        ("Score", ("composite_score", False)),
        ("metric:auc", ("auc", True)),
        ("Note", None),
    ],
)
def test_a_header_asks_for_an_order(column: str, wanted: tuple[str, bool] | None) -> None:
    assert queries.by_header(column, "composite_score", descending=True) == wanted


def test_a_selection_is_forgotten_with_every_change() -> None:
    board = Board("Churn")
    seen = {
        board.fingerprint(1),
        board.fingerprint(2),
        Board("Churn", search="x").fingerprint(1),
        Board("Churn", page=2).fingerprint(1),
        Board("Races").fingerprint(1),
    }
    assert len(seen) == 5


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (50, 1), (51, 2), (101, 3)])
def test_pages(total: int, pages: int) -> None:
    assert Board("Churn").pages(total) == Log().pages(total) == pages


def test_orders() -> None:
    labels = {"auc": "AUC"}
    assert queries.order_column("AUC", ["auc"], labels) == "auc"
    assert queries.order_column("Version", [], {}) == "version"
    assert queries.order_column("nonsense", ["auc"], labels) == "composite_score"


def test_a_log_asks_for_what_was_chosen() -> None:
    assert Log("Churn", ("promoted",), " anna ").conditions == {
        "model_name": "Churn",
        "kinds": ["promoted"],
        "actor": "anna",
    }
    assert Log().conditions == {"model_name": None}
    assert Log(page=3).offset == 100


def test_ids_of_an_address() -> None:
    assert queries.ids(None) == []
    assert queries.ids("a,,b,a,c,d,e,f") == ["a", "b", "c", "d", "e"]


def test_a_moment_is_the_viewers() -> None:
    found = queries.moment(date(2026, 7, 1), time(14), ZoneInfo("Europe/Berlin"))
    assert found == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["[1]", "nonsense", '{"a": ', "3", "null", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|object"):
        queries.json_object(text)


def form(**fields: object) -> dict[str, object]:
    empty: dict[str, object] = {
        "name": "Churn",
        "kind": "Ridge",
        "measured": None,
        "version": "",
        "metrics": {"accuracy": None},
        "further": "",
        "inputs": "",
        "parameters": "",
        "samples": None,
        "is_ensemble": False,
        "description": "",
        "tags": "",
    }
    return queries.upload_metadata(**{**empty, **fields})  # pyrefly: ignore[bad-argument-type]


def test_an_empty_form_leaves_everything_unknown() -> None:
    assert form() == {"model_name": "Churn", "model_type": "Ridge"}
    assert form(name=None)["model_name"] == ""


def test_a_full_form() -> None:
    assert form(
        measured="h1",
        version="2.0.0",
        metrics={"accuracy": 0.9, "auc": None},
        further='{"log_loss": 0.3}',
        inputs="age\n\n visits ",
        parameters='{"C": 1}',
        samples=10,
        is_ensemble=True,
        description="d",
        tags="a, b,",
    ) == {
        "model_name": "Churn",
        "model_type": "Ridge",
        "performance_metrics": {"accuracy": 0.9, "log_loss": 0.3},
        "evaluation_set": "h1",
        "version": "2.0.0",
        "feature_names": ["age", "visits"],
        "hyperparameters": {"C": 1},
        "description": "d",
        "tags": ["a", "b"],
        "training_info": {"training_samples": 10, "is_ensemble": True},
    }


def test_a_form_with_broken_json_says_where() -> None:
    with pytest.raises(ValueError, match="Hyperparameters is not JSON"):
        form(parameters="{")


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match='the metadata gives "auc" more than once'):
        queries.json_object('{"performance_metrics": {"auc": 0.5, "auc": 0.9}}')
