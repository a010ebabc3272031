"""The upkeep page in its states, and what is put away on the pages of a single model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import formatting, served
from dashboard.ui import messages
from dashboard.views.maintenance import frames as maintenance_frames
from dashboard.views.maintenance import sections
from registry_core import (
    CleanupItem,
    CleanupPlan,
    Event,
    Finding,
    OrphanedFile,
    Registry,
    RetentionPolicy,
    SpaceReport,
    SpaceUse,
    StorageError,
)
from tests.clock import Clock

from .conftest import register, validated
from .test_settings import confirm, texts

Open = Callable[..., AppTest]
PARTS = ("Cleanup", "Trash", "Space", "Verify", "Backup")


@pytest.fixture
def old(own: Registry, clock: Clock) -> list[str]:
    """Five versions of Churn, the first the champion; two may go by a policy that keeps two and no best."""
    made = []
    for accuracy in (0.9, 0.6, 0.7, 0.8, 0.75):
        clock.tick(days=2)
        made.append(register(own, accuracy))
    own.configure(max_models_to_keep=2, retention={"keep_best": 0, "keep_newest": 0}, actor="anna", reason="set up")
    return made


def tick_first(app: AppTest) -> None:
    """Tick the first row of the first table, and no other."""
    # An element's id ends with the key it was given.
    key = app.dataframe[0].proto.id.split("-", 2)[2]
    app.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()


def test_every_part_opens(old: list[str], open_page: Open) -> None:
    for part in PARTS:
        app = open_page("maintenance", model="Churn", part=part, **{"whose-files": "All"})
        assert not app.exception
        assert not app.error


def test_the_overview_says_what_it_takes_and_the_plan_leads_to_its_policy(old: list[str], open_page: Open) -> None:
    app = open_page()
    assert not app.exception
    assert "in all; the most for Churn" in texts(app)
    plan = open_page("maintenance", model="Churn")
    plan.button(key="to-retention").click().run()
    assert plan.title[0].value == "Settings"
    assert "Retention" in texts(plan)


def test_a_cleanup_from_its_plan_and_back(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("maintenance", model="Churn")
    goes = [item.model_id for item in own.plan_cleanup("Churn").of("trash")]
    assert len(goes) > 1
    assert f"**{len(goes)} versions** to the trash" in texts(app)
    assert app.button(key="cleanup").label == f"Move {len(goes)} versions to the trash"
    app.button(key="cleanup").click().run()
    assert "For 30 days, until" in texts(app)
    confirm(app, "Clean up")
    assert "Enter a reason" in app.warning[0].value
    app.text_area(key="reason").set_value("too many")
    confirm(app, "Clean up")
    assert not app.exception
    assert f"{len(goes)} versions in the trash" in app.success[0].value
    assert sorted(each.model_id for each in own.trash()) == sorted(goes)
    assert f"{5 - len(goes)} versions stay, 1 of them protected; {len(goes)} are in the trash." in texts(app)
    next(each for each in app.button if each.label == "Undo: restore the versions").click().run()
    assert not app.exception
    assert "Undone" in app.success[0].value
    assert own.trash() == []
    assert own.get_metadata(goes[0]).status == "registered"


def test_what_is_left_out_stays(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("maintenance", model="Churn")
    tick_first(app)
    assert app.button(key="cleanup").label == "Move 1 version to the trash"
    stays = open_page("maintenance", model="Churn", which="Protected")
    assert "● protected" in stays.dataframe[0].value["Action"].tolist()
    assert not [each for each in stays.button if each.key == "cleanup"]


def test_the_trash_gives_back_and_deletes_for_good(own: Registry, old: list[str], open_page: Open) -> None:
    empty = open_page("maintenance", model="Churn", part="Trash")
    assert "The trash is empty" in empty.info[0].value
    assert "0 versions" not in texts(empty)
    for model_id in old[1:3]:
        own.reject(model_id, actor="anna", reason="no")
        own.delete(model_id, actor="anna", reason="wrong month")
    app = open_page("maintenance", model="Churn", part="Trash")
    assert app.button(key="trash-purge").disabled
    tick_first(app)
    app.button(key="trash-purge").click().run()
    app.text_area(key="reason").set_value("holds what it must not")
    confirm(app, "Delete permanently")
    assert "cannot be undone" in app.warning[-1].value
    app.checkbox(key="sure").check()
    confirm(app, "Delete permanently")
    assert "1 version deleted permanently" in app.success[0].value
    (left,) = own.trash()

    tick_first(app)
    app.button(key="trash-restore").click().run()
    app.text_area(key="reason").set_value("needed after all")
    confirm(app, "Restore")
    assert own.trash() == []
    assert own.get_metadata(left.model_id).status == "rejected"


def test_a_models_page_deletes_puts_back_and_says_what_is_gone(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("model", id=old[0])
    assert app.button(key=f"delete-{old[0]}").disabled
    app = open_page("model", id=old[2])
    app.button(key=f"pin-{old[2]}").click().run()
    app.text_area(key="reason").set_value("the audit names it")
    confirm(app, "Pin")
    assert own.get_metadata(old[2]).pinned
    assert app.button(key=f"delete-{old[2]}").disabled

    app = open_page("model", id=old[1])
    app.button(key=f"delete-{old[1]}").click().run()
    assert "Restore reverses this for 30 days" in texts(app)
    app.text_area(key="reason").set_value("wrong month")
    confirm(app, "Delete")
    assert not app.exception
    assert "**In the trash** since" in texts(app)
    trashed = open_page("leaderboard", model="Churn", status="Trashed")
    assert trashed.dataframe[0].value["Status"].tolist() == ["▽ in the trash"]
    app.button(key=f"restore-{old[1]}").click().run()
    app.text_area(key="reason").set_value("needed")
    confirm(app, "Restore")
    assert own.get_metadata(old[1]).status == "registered"

    own.delete(old[1], actor="anna", reason="wrong month")
    own.purge(old[1], actor="bert", reason="holds what it must not")
    gone = open_page("model", id=old[1])
    assert not gone.exception
    assert "**Deleted permanently**" in texts(gone)
    assert "**bert**: holds what it must not" in texts(gone)
    assert "nothing to download but the metadata" in texts(gone)
    assert not gone.error
    board = open_page("leaderboard", model="Churn")
    assert len(board.dataframe[0].value) == 4
    assert len(open_page("leaderboard", model="Churn", status="Purged").dataframe[0].value) == 1


def test_an_error_on_the_way_is_explained(
    own: Registry, old: list[str], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StorageError(28, "no space is left on the disk; free some and try again")

    monkeypatch.setattr(Registry, "cleanup", broken)
    app = open_page("maintenance", model="Churn")
    app.button(key="cleanup").click().run()
    app.text_area(key="reason").set_value("too many")
    confirm(app, "Clean up")
    assert "No space is left on the disk" in texts(app)
    monkeypatch.setattr(Registry, "plan_cleanup", broken)
    served.close()
    assert "No space is left" in open_page("maintenance", model="Churn").error[0].value


def test_verify_keeps_its_result_and_repairs(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("maintenance", model="Churn", part="Verify")
    assert "Not run yet" in texts(app)
    app.button(key="verify").click().run()
    assert not app.exception
    assert "Integrity verified" in texts(app)
    assert "nothing has changed since" in texts(app)
    own.reject(old[1], actor="anna", reason="no")
    Path(own.get_metadata(old[2]).model_file_path).unlink()
    app.run()
    assert "1 change since" in texts(app)
    app.button(key="verify").click().run()
    assert "to repair" in texts(app)
    assert "**:red[✕ error]** missing" in texts(app)
    assert ":material/build:" in texts(app) or app.code


def test_what_can_be_repaired_is_said_without_a_command(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("maintenance", model="Churn", part="Verify")
    (Path(own.location) / "registry_config.json").unlink()
    app.button(key="verify").click().run()
    assert app.button(key="repair")
    assert "Repair above fixes it." in texts(app)
    assert not app.code


def test_a_backup_is_made_and_offered(own: Registry, old: list[str], open_page: Open) -> None:
    app = open_page("maintenance", model="Churn", part="Backup")
    app.button(key="backup").click().run()
    assert not app.exception
    assert "5 versions" in texts(app)
    assert app.get("download_button")
    assert not app.get("progress")
    app.button(key="export-index").click().run()
    assert "5 versions written" in texts(app)
    app.button(key="rebuild").click().run()
    app.text_area(key="reason").set_value("to be sure")
    confirm(app, "Rebuild")
    assert not app.exception
    assert "The index of 5 versions is rebuilt" in app.success[0].value


# tables


def _item(number: int, action: str, **changes: object) -> CleanupItem:
    fields = {"reason": "30 versions are kept", "untouchable": False, "bytes": 10 * number} | changes
    fields |= {"registered_at": f"2026-01-{number:02}T00:00:00+00:00", "composite_score": None, "status": "registered"}
    return CleanupItem(f"m{number}", "Churn", f"1.0.{number}", action, **fields)  # pyrefly: ignore[bad-argument-type]


def test_a_plan_in_lines() -> None:
    items = (
        _item(1, "trash"),
        _item(3, "trash"),
        _item(2, "purge"),
        _item(4, "keep"),
        _item(5, "keep", untouchable=True),
    )
    lost = (OrphanedFile("models/.staged-1", 25, "2026-01-02T12:00:00+00:00"),)
    plan = CleanupPlan("2026-02-01T00:00:00+00:00", 9, items, lost)
    goes = maintenance_frames.lines(plan, "To remove", "Largest first")
    assert [each.key for each in goes] == ["m3", "models/.staged-1", "m2", "m1"]
    assert maintenance_frames.lines(plan, "To remove", "Oldest first")[0].key == "m1"
    assert [each.what for each in maintenance_frames.lines(plan, "Kept", "By reason")] == [
        "○ kept",
        "● protected",
    ]
    assert [each.key for each in maintenance_frames.lines(plan, "Protected", "By reason")] == ["m5"]


def test_ten_thousand_lines_are_paged(own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    register(own)
    items = tuple(_item(1 + number % 28, "trash") for number in range(10_000))
    plan = CleanupPlan(
        "2026-02-01T00:00:00+00:00",
        9,
        tuple(replace(each, model_id=f"m{number}") for number, each in enumerate(items)),
    )
    monkeypatch.setattr(Registry, "plan_cleanup", lambda *_: plan)
    app = open_page("maintenance", model="Churn", rows="200")
    assert not app.exception
    assert len(app.dataframe[0].value) == maintenance_frames.PAGE
    assert app.button(key="cleanup").label == "Move 10,000 versions to the trash"


def test_space_by_name_and_kind() -> None:
    uses = (SpaceUse("Churn", "models", 3, 3000), SpaceUse("", "catalog", 1, 9000), SpaceUse("Churn", "trash", 0, 0))
    frame = maintenance_frames.space(SpaceReport("2026-02-01T00:00:00+00:00", uses, 0, 0))
    assert frame["name"].tolist() == ["whole registry", "Churn"]
    assert frame["share"].tolist() == [0.75, 0.25]
    many = (*uses, *(SpaceUse(f"N{number}", "models", 1, 100) for number in range(20)))
    report = SpaceReport("2026-02-01T00:00:00+00:00", many, 0, 0)
    figure = validated(maintenance_frames.bars(maintenance_frames.space(report)))
    assert len(figure.layout.yaxis.categoryarray) == maintenance_frames.MOST_BARS + 1
    assert {each.name for each in figure.data} == {"models", "catalog"}


def test_the_worst_finding_comes_first_and_what_is_repaired_last() -> None:
    def finding(severity: str, subject: str, repaired: bool = False) -> Finding:
        # pyrefly: ignore[bad-argument-type]
        return Finding("missing", severity, subject, "it is not there", "restore it", True, repaired)

    found = maintenance_frames.findings([finding("note", "a"), finding("error", "b", True), finding("error", "c")])
    severity = maintenance_frames.FINDINGS[0].cell
    assert [severity(each) for each in found] == ["✕ error", "○ note", "✓ repaired"]


def test_time_left_and_policies_in_words() -> None:
    now = messages.now()
    assert maintenance_frames.until((now + timedelta(days=3, hours=1)).isoformat(), now) == "in 3 d"
    assert maintenance_frames.until((now + timedelta(hours=5, minutes=1)).isoformat(), now) == "in 5 h"
    assert maintenance_frames.until((now - timedelta(hours=5)).isoformat(), now) == "with the next cleanup"
    assert sections.kept(RetentionPolicy(max_age_days=90, automatic=True)).startswith(
        "up to 50 versions, newest first, up to 90 days old; always the best 5, the newest 3 and former champions; "
        "trashed versions"
    )


@pytest.mark.parametrize(
    ("kind", "after", "said"),
    [
        ("swept", {"count": 2, "bytes": 3000, "files": []}, "2 files, 3.0 kB"),
        (
            "compressed",
            {"compressed": 4, "linked": 1, "bytes_before": 4000, "bytes_after": 1000},
            "4 files compressed, 1 stored once: 4.0 kB → 1.0 kB",
        ),
    ],
)
def test_upkeep_in_the_log(kind: str, after: dict[str, object], said: str) -> None:
    event = Event(1, "2026-01-01T00:00:00+00:00", kind, None, None, "anna", "", {}, after, "")
    assert formatting.event_detail(event, {}) == said
