"""What a folder, a backup or an export from elsewhere says about trust is data here, at every entrance."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import (
    ArtifactQuarantined,
    Conflict,
    InvalidConfiguration,
    InvalidInput,
    NotEligible,
    Registry,
    RegistryError,
    StateConflict,
    StorageError,
)
from registry_core.actions import notify
from tests.actions.test_adopt import put
from tests.actions.test_notify import trouble
from tests.elsewhere import REACHING, Reaching, another_user, foreign_registry, own_module, rewritten
from tests.fitted import forest, register
from tests.strangers import MAJORITY, Majority


@pytest.fixture(scope="module")
def made_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a foreign registry and its champion's id; copy it, it is everybody's."""
    base = tmp_path_factory.mktemp("elsewhere")
    return base / "registry", foreign_registry(base / "registry", base / "keys")


@pytest.fixture
def foreign(made_elsewhere: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A copy of it."""
    shutil.copytree(made_elsewhere[0], tmp_path / "foreign")
    return tmp_path / "foreign", made_elsewhere[1]


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is there once code from elsewhere ran; its module can be imported meanwhile."""
    path = tmp_path / "mark"
    own_module(tmp_path / "code", path)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield path
    sys.modules.pop("own_code_from_elsewhere", None)


Entrance = Callable[[Registry, str], object]
ENTRANCES: dict[str, Entrance] = {
    "load": lambda registry, model_id: registry.load_model(model_id),
    "load the champion": lambda registry, _: registry.load_active_model("Cancer"),
    "load the best": lambda registry, _: registry.load_best_model("Cancer"),
    "predict": lambda registry, _: registry.predictor("Cancer").predict([[0.0] * 30]),
    "promote": lambda registry, model_id: registry.promote(model_id, reason="now", override=True),
    "roll back": lambda registry, _: registry.rollback("Cancer", reason="now"),
    "undo the promotion": lambda registry, _: registry.undo_promotion("Cancer", reason="now"),
    "trust": lambda registry, model_id: registry.trust(model_id, reason="read"),
}


def test_code_that_a_folder_calls_trusted_never_runs(foreign: tuple[Path, str], mark: Path) -> None:
    folder, champion = foreign
    executed, refusals = 0, 0
    served: list[Path] = []
    for name, arguments in REACHING.items():
        place = folder.with_name(f"folder-{len(served)}")
        shutil.copytree(folder, place)
        data = Reaching(name, *(each.format(folder=place) for each in arguments)).file()
        rewritten(place, champion, data, [name])
        served.append(place)
        with Registry(place) as registry:
            for what, entrance in ENTRANCES.items():
                try:
                    entrance(registry, champion)
                    print(f"{name}: {what} went on")
                except RegistryError:
                    refusals += 1
            found = registry.foreign_decisions()
            assert found.trusted_names == {"": (name,)}
            assert set(found.never) ^ {each.name for each in found.classes} == {name}
        executed += mark.exists() or (place / "made").exists()
        mark.unlink(missing_ok=True)
    print(f"{len(REACHING)} names at {len(ENTRANCES)} entrances: executed {executed}, refused {refusals}")
    assert executed == 0


def test_what_came_with_a_folder_needs_a_decision_here(foreign: tuple[Path, str]) -> None:
    folder, champion = foreign
    with Registry(folder, actor="anna") as registry:
        found = registry.foreign_decisions()
        assert found.trusted_names == {"": (MAJORITY,)}
        assert found.gates == {"": {"unchecked_answers": True, "same_inputs": False}}
        assert found.approvals == {champion: ("friend",)}
        assert found.champions == {"Cancer": champion}
        assert [each.name for each in found.classes] == [MAJORITY]
        with pytest.raises(ArtifactQuarantined, match="were trusted in another installation"):
            registry.load_active_model("Cancer")
        (listed,) = [each.model_id for each in registry.list_models("Cancer") if each.model_type == "Forest"]
        assert registry.load_model(listed)[0].n_estimators == 5
        with pytest.raises(NotEligible, match="are not accepted here"):
            registry.promote(listed, reason="now")
        with pytest.raises(NotEligible, match="are not accepted here"):
            registry.rollback("Cancer", reason="now")
        registry.accept_foreign(found, reason="I read the code and asked the clinic")
        assert not registry.foreign_decisions()
        assert registry.load_active_model("Cancer")[0].answer == 1
        (event,) = registry.events(kinds=["foreign_accepted"])
        assert (event.actor, event.after["trusted_names"]) == ("anna", {"": [MAJORITY]})
        registry.promote(listed, reason="now", override=True)
    # The next who opens it finds it accepted, and others do not.
    with Registry(folder) as registry:
        assert not registry.foreign_decisions()
    with another_user(folder.parent / "third"), Registry(folder) as registry:
        assert registry.foreign_decisions()


def test_a_new_version_does_not_take_over_by_rules_from_elsewhere(foreign: tuple[Path, str]) -> None:
    with Registry(foreign[0]) as registry:
        before = registry.get_active_model_id("Cancer")
        registry.register_model(
            forest(), model_name="Cancer", model_type="Forest",
            performance_metrics={"accuracy": 1.0, "auc": 1.0, "f1_score": 1.0},
        )  # fmt: skip
        assert registry.get_active_model_id("Cancer") == before


def test_only_what_was_shown_is_accepted(foreign: tuple[Path, str]) -> None:
    with Registry(foreign[0]) as registry:
        found = registry.foreign_decisions()
        with pytest.raises(InvalidInput, match="reason"):
            registry.accept_foreign(found)
        (listed,) = [each.model_id for each in registry.list_models("Cancer") if each.model_type == "Forest"]
        with another_user(foreign[0].parent / "theirs"), Registry(foreign[0], actor="mallory") as other:
            other.review(listed, "approved", "me too", actor="another friend")
        with pytest.raises(Conflict, match="have changed since you saw them"):
            registry.accept_foreign(found, reason="fine")
        assert not registry.events(kinds=["foreign_accepted"])
        registry.accept_foreign(registry.foreign_decisions(), reason="fine")
        with pytest.raises(StateConflict, match="nothing to accept"):
            registry.accept_foreign(registry.foreign_decisions(), reason="fine")


def test_ones_own_backup_is_known_by_its_key_and_a_foreign_one_is_not(tmp_path: Path) -> None:
    keys, backup = tmp_path / "keys", tmp_path / "monday.tar"
    champion = foreign_registry(tmp_path / "own", keys, actor="anna")
    with another_user(keys):
        with Registry(tmp_path / "own") as registry:
            registry.backup(backup)
            registry.export_key(tmp_path / "key")
            assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        shutil.rmtree(tmp_path / "own")
        # The folder is lost, the key is not.
        with Registry.from_backup(backup, tmp_path / "again") as registry:
            assert not registry.foreign_decisions()
            assert registry.load_active_model("Cancer")[2].model_id == champion
        shutil.copytree(tmp_path / "again", tmp_path / "copied")
        with Registry(tmp_path / "copied") as registry:
            assert registry.load_active_model("Cancer")[2].model_id == champion
    # Another machine has neither, until somebody brings the key.
    with another_user(tmp_path / "new machine"), Registry.from_backup(backup, tmp_path / "there") as registry:
        assert registry.foreign_decisions().trusted_names == {"": (MAJORITY,)}
        with pytest.raises(ArtifactQuarantined):
            registry.load_active_model("Cancer")
        registry.import_key(tmp_path / "key")
        assert not registry.foreign_decisions()
        assert registry.load_active_model("Cancer")[2].model_id == champion


def test_a_rebuilt_and_a_recovered_registry_keep_their_own_decisions_only(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    champion = foreign_registry(tmp_path / "own", keys)
    with another_user(keys), Registry(tmp_path / "own") as registry:
        registry.export_index()
        registry.rebuild_index(reason="why not")
        assert not registry.foreign_decisions()
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (tmp_path / "own" / name).unlink(missing_ok=True)
    shutil.copytree(tmp_path / "own", tmp_path / "without history")
    (tmp_path / "without history" / "model_history.json").unlink()
    shutil.copytree(tmp_path / "own", tmp_path / "theirs")
    with another_user(keys), Registry(tmp_path / "own") as registry:
        assert not registry.foreign_decisions()
        assert registry.load_active_model("Cancer")[2].model_id == champion
    for place in ("without history", "theirs"):
        with Registry(tmp_path / place) as registry:
            assert registry.foreign_decisions().trusted_names == {"": (MAJORITY,)}
            with pytest.raises(RegistryError):
                registry.load_model(champion)


def test_an_edited_settings_file_trusts_nothing_by_itself(tmp_path: Path) -> None:
    with Registry(tmp_path / "own") as registry:
        model_id = None
        registry.configure(trusted_globals=[MAJORITY], reason="read")
        model_id = registry.register_model(Majority(), model_name="Cancer", model_type="Own")
        registry.load_model(model_id)
        registry.configure(trusted_globals=None, reason="taken back")
    path = tmp_path / "own" / "registry_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "trusted_globals": [MAJORITY]}))
    with Registry(tmp_path / "own") as registry:
        assert registry.foreign_decisions().trusted_names == {"": (MAJORITY,)}
        with pytest.raises(ArtifactQuarantined):
            registry.load_model(model_id)
        registry.accept_foreign(registry.foreign_decisions(), reason="I edited it")
        registry.load_model(model_id)


def test_code_that_an_adopted_folder_calls_trusted_never_runs(tmp_path: Path, mark: Path) -> None:
    executed, closed = 0, 0
    for number, (name, arguments) in enumerate(REACHING.items()):
        place = tmp_path / f"folder-{number}"
        data = Reaching(name, *(each.format(folder=place) for each in arguments)).file()
        put(place, "A_20250731_120000", data, is_active=True)
        (place / "registry_config.json").write_text(
            json.dumps({"trusted_globals": [name], "gates": {"unchecked_answers": True}})
        )
        try:
            with Registry(place) as registry:
                assert registry.get_metadata("A_20250731_120000").artifact == "quarantined"
                assert registry.get_active_model_id("GreyhoundPredictor") is None
                assert registry.foreign_decisions().gates == {"": {"unchecked_answers": True}}
                for verb in (registry.load_model, lambda each: registry.promote(each, override=True, reason="now")):
                    with pytest.raises(RegistryError):
                        verb("A_20250731_120000")
        except InvalidConfiguration:
            closed += 1
        executed += mark.exists() or (place / "made").exists()
    print(f"{len(REACHING)} adopted folders: executed {executed}, {closed} not opened for their settings")
    assert executed == 0


def test_an_export_brings_files_and_claims_and_nothing_to_trust_them(tmp_path: Path) -> None:
    champion = foreign_registry(tmp_path / "theirs", tmp_path / "keys")
    with another_user(tmp_path / "keys"), Registry(tmp_path / "theirs") as registry:
        registry.export_models(tmp_path / "all.tar")
    with Registry(tmp_path / "own") as registry:
        report = registry.import_models(tmp_path / "all.tar", promote_champions=True, reason="see")
        assert len(report.imported) == 2
        assert report.champions == {}
        assert any("was champion in the export and was not promoted" in note for note in report.notes)
        brought = registry.get_metadata(report.imported[champion])
        assert (brought.artifact, brought.override_note) == ("quarantined", "")
        assert registry.reviews(brought.model_id) == []
        assert registry.policy("Cancer").trusted_globals == ()
        assert registry.policy("Cancer").gates == {}
        assert not registry.foreign_decisions()


def test_an_approval_is_of_these_bytes(tmp_path: Path) -> None:
    with Registry(tmp_path / "own") as registry:
        model_id = registry.register_model(forest(), model_name="Cancer", model_type="Forest")
        registry.review(model_id, "approved", "fine", actor="bea")
        assert not registry.foreign_decisions()
    rewritten(tmp_path / "own", model_id, Reaching("own_code.Winner").file(), [])
    with Registry(tmp_path / "own") as registry:
        assert registry.foreign_decisions().approvals == {model_id: ("bea",)}


@pytest.mark.parametrize("what", ["writable", "inside", "another", "torn", "folder"])
def test_a_key_that_others_can_reach_is_no_key(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys"
    foreign_registry(tmp_path / "own", keys)
    monkeypatch.setenv("MODEL_REGISTRY_KEYS", str(keys))
    (key,) = keys.iterdir()
    assert (key.stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o600, 0o700)
    if what == "writable":
        key.chmod(0o666)
    elif what == "inside":
        shutil.copytree(keys, tmp_path / "own" / "keys")
        monkeypatch.setenv("MODEL_REGISTRY_KEYS", str(tmp_path / "own" / "keys"))
    elif what == "another":
        words = key.read_text().split()
        key.write_text(f"model-registry key {'0' * 64} {words[-1]}\n")
    elif what == "torn":
        key.write_text(key.read_text()[:-20])
    else:
        key.unlink()
        key.mkdir()
    with Registry(tmp_path / "own") as registry:
        if what == "another":
            assert registry.foreign_decisions()
        else:
            with pytest.raises((StorageError, InvalidInput), match="key"):
                registry.load_active_model("Cancer")


def test_a_decision_that_cannot_be_sealed_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MODEL_REGISTRY_KEYS", str(tmp_path / "file"))
    with Registry(tmp_path / "own") as registry:
        model_id = registry.register_model(forest(), model_name="Cancer", model_type="Forest")
        with pytest.raises(StorageError, match="MODEL_REGISTRY_KEYS"):
            registry.review(model_id, "approved", "fine", actor="bea")
        assert registry.reviews(model_id) == []
        with pytest.raises(StorageError, match="MODEL_REGISTRY_KEYS"):
            registry.configure(trusted_globals=[MAJORITY], reason="read")
        assert registry.policy("Cancer").trusted_globals == ()


@pytest.mark.parametrize("name", [name for name in REACHING if name != "own_code_from_elsewhere.Winner"])
def test_only_classes_of_ones_own_code_can_be_trusted(name: str, tmp_path: Path, mark: Path) -> None:
    with Registry(tmp_path / "own") as registry:
        data = tmp_path / "model.pkl"
        data.write_bytes(Reaching(name, *REACHING[name]).file())
        try:
            model_id = registry.upload(data, metadata={"model_name": "Cancer", "model_type": "Theirs"})
        except InvalidInput:
            return
        with pytest.raises(InvalidConfiguration):
            registry.trust(model_id, reason="please")
        assert registry.get_metadata(model_id).artifact == "quarantined"
    assert not mark.exists()


def test_trust_says_what_the_class_is_without_importing_it(tmp_path: Path, mark: Path) -> None:
    with Registry(tmp_path / "own") as registry:
        data = tmp_path / "model.pkl"
        data.write_bytes(Reaching("own_code_from_elsewhere.Winner").file())
        model_id = registry.upload(data, metadata={"model_name": "Cancer", "model_type": "Own"})
        (found,) = registry.unknown_classes(model_id)
        assert (found.line, found.at_load) == (2, ("__setstate__",))
        assert found.file.endswith("own_code_from_elsewhere.py")
        assert "__setstate__ may run" in found.sentence
        registry.trust(model_id, reason="read")
    assert not mark.exists()


def test_two_installations_share_a_registry_and_each_decides_for_itself(registry: Registry, tmp_path: Path) -> None:
    registry.configure("Cancer", trusted_globals=[MAJORITY], gates={"approval": True}, reason="read")
    model_id = registry.register_model(Majority(), model_name="Cancer", model_type="Own", actor="anna")
    registry.review(model_id, "approved", "fine", actor="bea")
    registry.load_model(model_id)
    with another_user(tmp_path / "second"):
        registry._context.forget_configuration()
        found = registry.foreign_decisions()
        assert (found.trusted_names, found.approvals) == ({"Cancer": (MAJORITY,)}, {model_id: ("bea",)})
        with pytest.raises(NotEligible, match="1 approval"):
            registry.promote(model_id, reason="now", override=True)
        registry.accept_foreign(found, reason="I asked bea")
        assert not registry.foreign_decisions()
    registry._context.forget_configuration()
    assert not registry.foreign_decisions()
    registry.configure("Cancer", trusted_globals=None, reason="taken back")
    registry.configure("Cancer", gates=None, reason="taken back")
    assert registry.foreign_decisions().lines == frozenset()
    assert registry.verify_events() is None


def test_a_prediction_check_from_elsewhere_is_made_again_in_the_sandbox(registry: Registry, tmp_path: Path) -> None:
    def checks() -> int:
        return len(registry.events(model_id=model_id, kinds=["answers_checked"]))

    def load() -> None:
        location, artifacts = registry._context.address
        with Registry(location, artifacts=artifacts) as again:
            again.load_model(model_id)

    with another_user(tmp_path / "elsewhere"):
        model_id = register(registry)
        registry.export_key(tmp_path / "key")
        load()
    assert checks() == 0
    with another_user(tmp_path / "here"):
        # It is shown as it came, and no bytes open outside the sandbox on its word: without a key each process asks.
        found = registry.answers_check(model_id)
        assert found is not None
        assert (found.status, found.place) == ("agrees", "registration")
        load()
        load()
        assert checks() == 2
        found = registry.answers_check(model_id)
        assert found is not None
        assert (found.status, found.place) == ("agrees", "sandbox")
        registry.check_gates(model_id)
        assert checks() == 3
        # With the key it is known, also what was checked meanwhile by somebody without it.
        registry.import_key(tmp_path / "key")
        load()
        registry.promote(model_id, reason="good")
        assert checks() == 3


def test_a_check_without_a_key_that_can_be_kept_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with Registry(tmp_path / "registry") as registry:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODEL_REGISTRY_KEYS", str(tmp_path / "file"))
            model_id = register(registry)
            registry.load_model(model_id)
        # The first who can keep a key has it from then on.
        for _ in range(2):
            with Registry(registry.location) as again:
                again.load_model(model_id)
        assert len(registry.events(model_id=model_id, kinds=["answers_checked"])) == 2


def test_nothing_is_sent_to_an_address_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_HOOK", "https://chat.example.org/hook")
    monkeypatch.setattr(notify, "wake", lambda _: None)
    folder = tmp_path / "registry"
    with another_user(tmp_path / "theirs"), Registry(folder) as registry:
        registry.configure("Churn", monitoring={"notify": ["env:CHAT_HOOK"]}, reason="theirs")
    with Registry(folder, actor="anna") as registry:
        opened = trouble(registry)
        assert opened is not None
        assert opened.notifications == ()
        found = registry.foreign_decisions()
        assert found.addresses == {"Churn": ("env:CHAT_HOOK",)}
        # Whoever sets something else has not said anything of the address.
        registry.configure("Churn", monitoring={"notify": ["env:CHAT_HOOK"], "drift": False}, reason="mine")
        assert registry.foreign_decisions().addresses == found.addresses
        registry.accept_foreign(registry.foreign_decisions(), reason="the team's own chat")
        opened = trouble(registry, "another")
        assert opened is not None
        assert [(each.attempts, each.sent_at) for each in registry.alerts("Churn")[0].notifications] == [(0, None)]
        (event,) = registry.events(kinds=["foreign_accepted"])
        assert event.after["addresses"] == {"Churn": ["env:CHAT_HOOK"]}
