"""Verbs that move it: backup and restore, export and import, import from MLflow."""

from __future__ import annotations

from dataclasses import asdict

import click

from registry_core import BackupReport, ImportReport, Registry

from .console import ARTIFACT, Session, actor_option, main, reason_option, shared, shown
from .output import pairs, size, visible, when


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@shared
def backup(session: Session, file: str) -> None:
    """Write the whole registry into FILE (tar), while others go on: rows, models, live traffic, settings.

    Files that are missing or damaged in the registry itself are left out; the exit code is then 6.
    """
    with session.open() as registry, shown(session) as progress:
        report = registry.backup(file, progress=progress)
    _wrote(session, report)


@main.command("restore-backup")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--into", required=True, metavar="FOLDER_OR_URL", help="An empty place: a new folder, or a database.")
@actor_option
@shared
def restore_backup(session: Session, file: str, into: str, actor: str | None) -> None:
    """Make a registry of the backup in FILE, in a place that is empty yet.

    Every byte is checked before anything is made. A backup of a folder can be restored into a database, with
    --artifacts for its files, and the other way round.
    """
    with shown(session) as progress:
        registry = Registry.from_backup(file, into, artifacts=session.artifacts, actor=actor, progress=progress)
    with registry:
        event = registry.events(limit=1, kinds=["restored_backup"])[0]
        names, count = registry.model_names(), registry.count_models()
        foreign = bool(registry.foreign_decisions())
    missing = event.after["missing_files"]
    document = {
        "location": registry.location,
        "models": count,
        "model_names": names,
        "foreign_decisions": foreign,
        **event.after,
    }
    rows = [
        ("registry", registry.location),
        ("versions", f"{count:,} of {len(names):,} model names"),
        ("as of", f"{when(event.after['backed_up_at'])}, event {event.after['last_event']}"),
    ]
    if foreign:
        rows.append(("decisions about trust", "from elsewhere; `model-registry accept` shows them"))
    session.answer(document, [*pairs(rows), *(f"not in the backup: {visible(key)}" for key in missing)])
    if missing:
        click.get_current_context().exit(ARTIFACT)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("model_ids", nargs=-1)
@click.option("--name", help="Every version of this model name.")
@shared
def export(session: Session, file: str, model_ids: tuple[str, ...], name: str | None) -> None:
    """Write versions into FILE (tar): those of the ids given, of a model name, or all. See `import`."""
    with session.open() as registry, shown(session) as progress:
        report = registry.export_models(file, model_ids or None, model_name=name, progress=progress)
    _wrote(session, report)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--promote-champions", is_flag=True, help="Who was champion there becomes it here, if the gates agree.")
@reason_option(required=False)
@actor_option
@shared
def import_(session: Session, file: str, promote_champions: bool, reason: str, actor: str | None) -> None:
    """Bring in the versions of FILE, which `export` wrote. Every file is looked into like an upload.

    What they say of themselves is a claim here: somebody has to approve or promote them.
    """
    with session.open(create=True) as registry, shown(session) as progress:
        report = registry.import_models(
            file, promote_champions=promote_champions, actor=actor, reason=reason, progress=progress
        )
    _brought(session, report)


@main.command("import-mlflow")
@click.argument("database")
@click.option("--files", metavar="FOLDER", help="Where MLflow's artifacts are now, if they were moved.")
@click.option("--name", "names", multiple=True, help="Only this registered model; may be repeated.")
@reason_option(required=False)
@actor_option
@shared
def import_mlflow(
    session: Session, database: str, files: str | None, names: tuple[str, ...], reason: str, actor: str | None
) -> None:
    """Bring in the registered models of an MLflow registry: DATABASE is its SQLite file, such as mlflow.db.

    MLflow is not needed, and nothing is changed in it. Files are looked into like uploads, and none is run. The version
    with the alias champion (or the stage Production) becomes champion, if the gates agree.
    """
    with session.open(create=True) as registry, shown(session) as progress:
        report = registry.import_mlflow(
            database, files, model_names=names or None, actor=actor, reason=reason, progress=progress
        )
    _brought(session, report)


def _wrote(session: Session, report: BackupReport) -> None:
    rows = [
        ("written", report.path),
        ("as of", f"{when(report.at)}, event {report.last_event}"),
        ("versions", f"{report.models:,}"),
        ("files", f"{report.files:,}"),
        ("size", size(report.bytes)),
    ]
    if report.predictions:
        rows.insert(3, ("predictions", f"{report.predictions:,}"))
    left = [f"left out: {visible(name)}: {visible(why)}" for name, why in report.left_out.items()]
    session.answer(asdict(report), [*pairs(rows), *left])
    if report.left_out:
        click.get_current_context().exit(ARTIFACT)


def _brought(session: Session, report: ImportReport) -> None:
    lines = [f"{visible(source)} came in as {visible(model_id)}" for source, model_id in report.imported.items()]
    lines += [f"{visible(source)} was left out: {visible(why)}" for source, why in report.skipped.items()]
    lines += [f"{visible(model_id)} is champion of {visible(name)}" for name, model_id in report.champions.items()]
    lines += [f"note: {visible(note)}" for note in report.notes]
    session.answer(
        asdict(report), [*lines, f"{len(report.imported):,} came in, {len(report.skipped):,} were left out."]
    )
