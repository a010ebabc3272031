"""The commands of transfer: backup and restore, move, export and import, import from MLflow."""

from __future__ import annotations

from dataclasses import asdict

import click

from registry_core import BackupReport, ImportReport, Registry, move

from .console import ARTIFACT, NoRegistry, Session, is_registry, main, shared, shown
from .options import options_of
from .output import pairs, size, visible, when


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@shared
def backup(session: Session, file: str) -> None:
    """Back up the whole registry into FILE (tar) while it is in use: catalog, models, live traffic, settings.

    Missing or damaged files are skipped and listed; the exit code is then 6.
    """
    with session.open() as registry, shown(session) as progress:
        report = registry.backup(file, progress=progress)
    _wrote(session, report)


@main.command("restore-backup")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--into", required=True, metavar="FOLDER_OR_URL", help="New folder, or empty database.")
@options_of(Registry.from_backup)
@shared
def restore_backup(session: Session, file: str, into: str, actor: str | None) -> None:
    """Restore the backup in FILE into a new folder or an empty database.

    Every byte is verified before anything is written. A backup of a folder can be restored into a database, with
    --artifacts for its files, and vice versa.
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
        ("backup time (UTC)", f"{when(event.after['backed_up_at'])}, event {event.after['last_event']}"),
    ]
    if foreign:
        rows.append(("trust decisions", "from another installation; `model-registry accept` lists them"))
    session.answer(document, [*pairs(rows), *(f"not in the backup: {visible(key)}" for key in missing)])
    if missing:
        click.get_current_context().exit(ARTIFACT)


@main.command("move")
@click.argument("source")
@click.argument("target")
@click.option("--source-artifacts", metavar="FOLDER_OR_URL", help="With a database as SOURCE: where its files are.")
@click.option("--artifacts", metavar="FOLDER_OR_URL", help="With a database as TARGET: folder or bucket of its files.")
@options_of(move, keep="Leave SOURCE as it is. Both can be written then.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def move_registry(
    source: str,
    target: str,
    source_artifacts: str | None,
    artifacts: str | None,
    keep: bool,
    actor: str | None,
    as_json: bool,
) -> None:
    """Move the registry at SOURCE to TARGET while it is in use: from a folder to a database with a bucket, or back.

    Writes to SOURCE wait during the last, short step. Afterwards SOURCE can only be read, and names TARGET. An
    interrupted command resumes when it is repeated. Nothing is deleted.
    """
    session = Session(source, source_artifacts, as_json)
    if not is_registry(source):
        raise NoRegistry(f"no registry at {source}. Give the folder or database of the registry to move")
    with shown(session) as progress:
        report = move(
            source, target, source_artifacts=source_artifacts, artifacts=artifacts, keep=keep, actor=actor,
            progress=progress,
        )  # fmt: skip
    rows = [
        ("moved", f"{visible(report.source)} to {visible(report.target)}"),
        ("state", f"event {report.last_event}"),
        ("versions", f"{report.models:,}"),
        ("files", f"{report.files:,}"),
        ("predictions", f"{report.predictions:,}"),
        ("outcomes", f"{report.outcomes:,}"),
        ("writes waited", f"{report.locked_seconds:.1f} s"),
        ("source", "can be written" if report.kept else "can only be read"),
    ]
    lines = [f"skipped: {visible(name)}: {visible(reason)}" for name, reason in report.left_out.items()]
    lines += [f"{each.severity}: {visible(each.text)}" for each in report.findings]
    session.answer(asdict(report), [*pairs(rows), *lines])
    if lines:
        click.get_current_context().exit(ARTIFACT)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("model_ids", nargs=-1)
@options_of(Registry.export_models, model_name="All versions of this model name.")
@shared
def export(session: Session, file: str, model_ids: tuple[str, ...], model_name: str | None) -> None:
    """Export versions into FILE (tar): the given ids, a model name, or all. See `import`."""
    with session.open() as registry, shown(session) as progress:
        report = registry.export_models(file, model_ids or None, model_name=model_name, progress=progress)
    _wrote(session, report)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@options_of(Registry.import_models, promote_champions="Promote the champions of the export, if all gates here pass.")
@shared
def import_(session: Session, file: str, promote_champions: bool, reason: str, actor: str | None) -> None:
    """Import the versions in FILE, written by `export`. Every file is scanned like an upload.

    Imported metrics are self-reported: another person has to approve or promote the versions.
    """
    with session.open(create=True) as registry, shown(session) as progress:
        report = registry.import_models(
            file, promote_champions=promote_champions, actor=actor, reason=reason, progress=progress
        )
    _report_import(session, report)


@main.command("import-mlflow")
@click.argument("database")
@click.option("--files", metavar="FOLDER", help="Folder of MLflow's artifacts, if they were moved.")
@click.option("--model-name", "--name", "names", multiple=True, help="Only this registered model; repeatable.")
@options_of(Registry.import_mlflow)
@shared
def import_mlflow(
    session: Session, database: str, files: str | None, names: tuple[str, ...], reason: str, actor: str | None
) -> None:
    """Import the registered models of an MLflow registry. DATABASE is its SQLite file, such as mlflow.db.

    MLflow need not be installed, and its registry is not changed. Files are scanned like uploads and not executed. The
    version with the alias champion (or the stage Production) becomes champion if all gates pass.
    """
    with session.open(create=True) as registry, shown(session) as progress:
        report = registry.import_mlflow(
            database, files, model_names=names or None, actor=actor, reason=reason, progress=progress
        )
    _report_import(session, report)


def _wrote(session: Session, report: BackupReport) -> None:
    rows = [
        ("written", report.path),
        ("backup time (UTC)", f"{when(report.at)}, event {report.last_event}"),
        ("versions", f"{report.models:,}"),
        ("files", f"{report.files:,}"),
        ("size", size(report.bytes)),
    ]
    if report.predictions:
        rows.insert(3, ("predictions", f"{report.predictions:,}"))
    left = [f"skipped: {visible(name)}: {visible(reason)}" for name, reason in report.left_out.items()]
    session.answer(asdict(report), [*pairs(rows), *left])
    if report.left_out:
        click.get_current_context().exit(ARTIFACT)


def _report_import(session: Session, report: ImportReport) -> None:
    lines = [f"{visible(source)} imported as {visible(model_id)}" for source, model_id in report.imported.items()]
    lines += [f"{visible(source)} was skipped: {visible(reason)}" for source, reason in report.skipped.items()]
    lines += [f"{visible(model_id)} is champion of {visible(name)}" for name, model_id in report.champions.items()]
    lines += [f"note: {visible(note)}" for note in report.notes]
    session.answer(asdict(report), [*lines, f"{len(report.imported):,} imported, {len(report.skipped):,} skipped."])
