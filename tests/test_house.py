"""The rules of the house, read from the source: who may import whom, what the core may load, what nothing may hold."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import registry_core

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "registry_core"
# In the order they may be imported in: pages -> dashboard -> registry_core.
PACKAGES = ("pages", "dashboard", "registry_core")

# What a room of the core may import beside itself. A new room needs a line here, and a thought about where it stands.
FOUNDATION = {
    "access",
    "documents",
    "errors",
    "events",
    "file_keys",
    "folders",
    "following",
    "gate_policy",
    "forks",
    "rights",
    "settings",
    "signature",
    "tables",
    "issuers",
    "version",
    "records",
    "policies",
    "config",
    "evidence",
    "gates",
    "insights",
    "live",
    "maintenance",
    "model_card",
    "notices",
    "visitors",
    "webhooks",
}
MIDDLE = {"rules", "catalog", "artifacts"}
ROOMS: dict[str, set[str]] = {
    "access": set(),
    "documents": set(),
    "errors": {"gates"},  # for its types only
    "events": set(),
    "file_keys": set(),
    "folders": set(),
    "following": {"errors", "forks"},
    "forks": set(),
    "rights": set(),
    "settings": set(),
    "signature": set(),
    "tables": {"signature"},
    "issuers": {"errors"},
    "version": {"errors"},
    "records": {"version", "errors"},
    "gate_policy": {"settings"},
    "policies": {"gate_policy", "settings"},
    "config": {"documents", "gate_policy", "policies", "settings", "records", "version", "errors"},
    "evidence": set(),
    "gates": {"evidence"},
    "insights": {"evidence"},
    "model_card": {"evidence", "gates", "records", "signature"},
    "notices": {"documents"},
    "live": {"records", "gates", "signature", "notices", "policies"},
    "maintenance": {"records", "notices"},
    "visitors": set(),
    "webhooks": {"events"},
    "rules": FOUNDATION,
    "catalog": FOUNDATION,
    "artifacts": FOUNDATION,
    "actions": FOUNDATION | MIDDLE,
    "facade": FOUNDATION | MIDDLE | {"actions"},
    # What the two ends of the HTTP API share, and its client; the server is a user of the registry.
    "wire": FOUNDATION | {"rules"},
    "remote": FOUNDATION | MIDDLE | {"actions", "wire"},
    "registry": FOUNDATION | {"actions", "facade", "remote"},
    "http_api": FOUNDATION | {"registry", "rules", "wire"},
    "__init__": FOUNDATION | {"http_api", "registry", "remote"},
    # These three are users of the core like any other: public names only.
    "demo": set(),
    "cli": {"demo", "http_api"},
    "__main__": {"cli"},
}

# The floors of the dashboard, from below; a module imports from floors below its own, and on its own without a circle.
# What stands beside these is a view, which knows no other view.
DASHBOARD_FLOORS: tuple[set[str], ...] = (
    {
        "api",
        "formatting",
        "live_queries",
        "middleware",
        "navigation",
        "permissions",
        "queries",
        "served",
        "session",
        "sign_in",
        "static_files",
        "uploads",
    },
    {"ui"},
    {"views"},
    {"app", "server"},
)

# Loaded where they are used, never by `import registry_core`.
HEAVY = {"fsspec", "joblib", "pandas", "plotly", "psycopg", "scipy", "sklearn"}
HEAVY |= {"sqlalchemy", "sqlite_utils", "streamlit"}
# What a pure function has no use for.
IMPURE = {"fsspec", "glob", "io", "joblib", "logging", "os", "pathlib", "random", "secrets", "shutil", "socket"}
IMPURE |= {"sqlalchemy", "sqlite3", "sqlite_utils", "subprocess", "sys", "tempfile", "threading", "time", "urllib"}
IMPURE |= {"uuid"}

# The public surface, written down: a name that comes or goes is a decision, and shows in the review.
PUBLIC_NAMES = {
    "API_PATH",
    "HttpApi",
    "http_api_of",
    "move",
    "log_as",
    "probes_of",
    "Created",
    "Grant",
    "Grantee",
    "NotAllowed",
    "Person",
    "Principal",
    "ReviewRequest",
    "Role",
    "Token",
    "Webhook",
    "WebhookDelivery",
    "WebhookSecret",
    "Workload",
    "Alert",
    "Answer",
    "AnswersCheck",
    "AnswersDiffer",
    "Arm",
    "ArmTraffic",
    "ArtifactAltered",
    "ArtifactError",
    "ArtifactMissing",
    "ArtifactQuarantined",
    "ArtifactUnloadable",
    "BackupReport",
    "CARD_FIELDS",
    "Benchmark",
    "CardText",
    "CatalogBusy",
    "ChallengerReport",
    "ChampionChanged",
    "CleanupItem",
    "CleanupPlan",
    "CleanupResult",
    "Comparison",
    "CompressResult",
    "Configuration",
    "Conflict",
    "Confusion",
    "Coverage",
    "Curve",
    "Decision",
    "Deployment",
    "DetectorState",
    "Difference",
    "Disagreements",
    "Drift",
    "Effect",
    "EffectPoint",
    "Estimate",
    "Evaluation",
    "Event",
    "EventKind",
    "Experiment",
    "ExperimentReport",
    "Group",
    "Guardrail",
    "Fairness",
    "Feature",
    "FeatureImpact",
    "Finding",
    "ForeignDecisions",
    "FrozenBaseline",
    "Gap",
    "Gate",
    "GatePolicy",
    "GateReport",
    "GatesFailed",
    "HealthReport",
    "ImpactComparison",
    "ImportReport",
    "MoveReport",
    "IndexExport",
    "InputChange",
    "Inspection",
    "InvalidConfiguration",
    "InvalidInput",
    "InvalidMetric",
    "InvalidName",
    "InvalidVersion",
    "Issuer",
    "IssuerUnavailable",
    "TokenNotValid",
    "KnownClass",
    "ThresholdCheck",
    "LivePerformance",
    "LosingSlice",
    "LosingSlices",
    "Measured",
    "MetricComparison",
    "ModelCard",
    "ModelMetadata",
    "ModelNameSummary",
    "ModelNotFound",
    "ModelQuery",
    "MonitoringPolicy",
    "NoModelAvailable",
    "NotEligible",
    "NotFound",
    "Notification",
    "OutcomeValue",
    "Paired",
    "PastRollback",
    "Permission",
    "Policy",
    "Predictor",
    "PromotionVerdict",
    "Proof",
    "RankingChange",
    "RankingPreview",
    "Rate",
    "RebuildReport",
    "RecordedOutcomes",
    "RegistrationPlan",
    "Registry",
    "RegistryError",
    "RetentionPolicy",
    "Remedy",
    "ReportWarning",
    "Review",
    "SampleRatio",
    "SelfReported",
    "Setting",
    "SliceComparison",
    "SliceState",
    "StandbyComparison",
    "SandboxFailure",
    "SandboxIncomplete",
    "Score",
    "ScoreTerm",
    "Signature",
    "Readiness",
    "SpaceReport",
    "SpaceUse",
    "StateConflict",
    "StorageError",
    "FailedCalls",
    "PredictionBatch",
    "ServingPlan",
    "Unreachable",
    "WorkersLost",
    "TableColumn",
    "TableReading",
    "TrainingOverlap",
    "Trashed",
    "OrphanedFile",
    "ValueCurve",
    "VerifyReport",
    "VersionTaken",
    "Window",
    "__version__",
    "on_wait",
    "settings_schema",
    "sign_in_to",
    "visitor",
}

LONGEST_FILE = 450


@dataclass(frozen=True)
class Import:
    """One imported name, and where it stands."""

    path: Path
    line: int
    module: str  # absolute: registry_core.rules.scoring
    name: str | None  # None for `import module`
    lazy: bool  # inside a function
    typing_only: bool  # below `if TYPE_CHECKING:`

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def room(self) -> str | None:
        """The room of the core it reaches into; None for `from registry_core import PublicName`."""
        if self.package != "registry_core":
            return None
        if "." in self.module:
            return self.module.split(".")[1]
        return self.name if self.name in ROOMS else None

    def __str__(self) -> str:
        wanted = f"from {self.module} import {self.name}" if self.name else f"import {self.module}"
        return f"{self.path.relative_to(ROOT)}:{self.line}: {wanted}"


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """Every import of a file, relative ones made absolute."""
    package = path.relative_to(ROOT).parent.parts

    def visit(node: ast.AST, lazy: bool, typing_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, None, lazy, typing_only)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            for alias in node.names:
                yield Import(path, node.lineno, module, alias.name, lazy, typing_only)
        else:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for statement in node.body:
                    yield from visit(statement, lazy, True)
                for statement in node.orelse:
                    yield from visit(statement, lazy, typing_only)
                return
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, inside, typing_only)

    return tuple(visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)), False, False))


def imports(*folders: str) -> list[Import]:
    return [found for path in sources(*folders) for found in imports_of(path)]


def listed(found: list[Import]) -> str:
    return "\n".join(map(str, found))


def test_rooms_import_only_what_stands_below_them() -> None:
    new = {room_of(path) for path in sources("registry_core")} - set(ROOMS)
    assert not new, f"new rooms in the core: give each a place in ROOMS: {new}"
    wrong = []
    for found in imports("registry_core"):
        room = room_of(found.path)
        if found.room is not None and found.room != room and found.room not in ROOMS[room]:
            wrong.append(found)
    assert not wrong, listed(wrong)


def test_rooms_below_the_facade_do_not_import_the_package_itself() -> None:
    # `from registry_core import Registry` inside a room would be a circle.
    users = {"cli", "demo", "__main__"}
    wrong = [
        found
        for found in imports("registry_core")
        if found.package == "registry_core" and found.room is None and room_of(found.path) not in users
    ]
    assert not wrong, listed(wrong)


def test_the_users_of_the_core_see_its_public_names_only() -> None:
    users = [found for found in imports("dashboard", "pages") if found.package == "registry_core"]
    for found in imports("registry_core"):
        room = room_of(found.path)
        if room in {"cli", "demo"} and found.package == "registry_core" and found.room not in {room, *ROOMS[room]}:
            users.append(found)
    wrong = [
        found for found in users if found.module != "registry_core" or found.name not in set(registry_core.__all__)
    ]
    assert not wrong, listed(wrong)


def test_directions_between_the_packages() -> None:
    wrong = []
    for folder in PACKAGES:
        above = set(PACKAGES[: PACKAGES.index(folder)])
        for found in imports(folder):
            # The console command opens the dashboard, and only then needs it.
            opens = folder == "registry_core" and room_of(found.path) == "cli" and found.lazy
            if found.package in above and not (opens and found.module == "dashboard.server"):
                wrong.append(found)
    assert not wrong, listed(wrong)


def dashboard_imports() -> list[tuple[Import, str]]:
    """Every import within the dashboard and its pages, with the module it reaches below ``dashboard``."""
    known = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources("dashboard")
    }
    reached = []
    for found in imports("dashboard", "pages"):
        if found.package == "dashboard":
            module = f"{found.module}.{found.name}"
            reached.append((found, (module if module in known else found.module).removeprefix("dashboard.")))
    return reached


def floor_of(module: str) -> int:
    return next(number for number, floor in enumerate(DASHBOARD_FLOORS) if module.partition(".")[0] in floor)


def view_of(module: str) -> str | None:
    first, *rest = module.split(".")
    return rest[0] if first == "views" and rest else None


def test_the_dashboard_imports_downwards_and_no_view_imports_another() -> None:
    standing = {path.relative_to(ROOT / "dashboard").parts[0].removesuffix(".py") for path in sources("dashboard")}
    assert standing - {"__init__"} == set.union(*DASHBOARD_FLOORS), "a new module needs a floor"
    wrong = []
    for found, module in dashboard_imports():
        if found.path.is_relative_to(ROOT / "pages"):
            continue
        here = ".".join(found.path.relative_to(ROOT / "dashboard").with_suffix("").parts)
        if floor_of(module) > floor_of(here) or (
            view_of(module) != view_of(here) and view_of(here) is not None and view_of(module) is not None
        ):
            wrong.append(found)
    assert not wrong, listed(wrong)


def test_the_dashboard_has_no_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for found, module in dashboard_imports():
        if found.path.is_relative_to(ROOT / "dashboard"):
            here = ".".join(found.path.relative_to(ROOT / "dashboard").with_suffix("").parts)
            arrows.setdefault(here, set()).add(module)
    # What imports nothing that is left is taken away, again and again; a circle stays.
    while done := {module for module, below in arrows.items() if not below & arrows.keys()}:
        for module in done:
            del arrows[module]
    assert not arrows


def test_a_page_draws_its_own_view() -> None:
    # `pages/trends.py` draws `views/trends`: whoever looks for a page finds it by its address.
    wrong = [
        found
        for found, module in dashboard_imports()
        if found.path.is_relative_to(ROOT / "pages") and view_of(module) not in (None, "views", found.path.stem)
    ]
    assert not wrong, listed(wrong)
    pages = {path.stem for path in sources("pages")}
    assert pages == {path.stem for path in (ROOT / "dashboard/views").iterdir()} - {"__init__", "__pycache__"}


def test_the_core_never_imports_the_dashboards_libraries() -> None:
    wrong = [found for found in imports("registry_core") if found.package in {"streamlit", "plotly"}]
    assert not wrong, listed(wrong)


def test_the_core_imports_heavy_libraries_where_they_are_used() -> None:
    wrong = [
        found
        for found in imports("registry_core")
        if found.package in HEAVY and not found.lazy and not found.typing_only
    ]
    assert not wrong, listed(wrong)


def test_importing_the_core_loads_no_heavy_library() -> None:
    code = "import sys, registry_core; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "registry_core" in loaded.split()
    assert not HEAVY & set(loaded.split())


def test_rules_import_nothing_that_acts() -> None:
    wrong = [found for found in imports("registry_core/rules") if found.package in IMPURE]
    assert not wrong, listed(wrong)


def acts(call: ast.Call) -> bool:
    """Whether a call reads a clock, draws a random number without a seed, or talks to the world."""
    match call.func:
        case ast.Name("open" | "print" | "input" | "exec" | "eval"):
            return True
        case ast.Attribute(attr="now" | "utcnow" | "today"):
            return True
        case ast.Name("default_rng") | ast.Attribute(attr="default_rng"):
            return not call.args and not call.keywords
        case ast.Attribute(value=ast.Attribute(value=ast.Name("np" | "numpy"), attr="random")):
            return True
    return False


def test_rules_have_no_clock_chance_or_side_effect() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for path in sources("registry_core/rules")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and acts(node)
    ]
    assert not wrong, "\n".join(wrong)


def test_public_names_are_those_written_down() -> None:
    assert set(registry_core.__all__) == PUBLIC_NAMES
    assert len(registry_core.__all__) == len(PUBLIC_NAMES), "a name stands in __all__ twice"
    assert not [name for name in PUBLIC_NAMES if not hasattr(registry_core, name)]


def described(thing: object) -> bool:
    """Whether it has a docstring of its own: not an inherited one, nor the signature a dataclass writes for itself."""
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    return bool(text) and not (inspect.isclass(thing) and str(text).startswith(f"{thing.__name__}("))


def test_every_public_name_is_described() -> None:
    things = [(name, getattr(registry_core, name)) for name in registry_core.__all__]
    missing = [name for name, thing in things if (inspect.isclass(thing) or callable(thing)) and not described(thing)]
    verbs = {name: verb for name, verb in vars(registry_core.Registry).items() if not name.startswith("_")}
    missing += [f"Registry.{name}" for name, verb in verbs.items() if not described(verb)]
    assert not missing


def repository_files() -> list[Path]:
    """The files of the project; from git where there is git, else everything that is not made by a tool."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    made = re.compile(r"^(\.venv.*|\..*_cache|\.hypothesis|build|dist|model_registry.*)$")
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(made.match(part) or part == "__pycache__" for part in path.relative_to(ROOT).parts)
    ]


# Each is written so that it does not find itself.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.}])/(?:[w]ork|[r]oot|[h]ome/\w+|tmp/[v]e)/",
    "a package index": r"pypi\.org/[s]imple|files\.[p]ythonhosted|--(?:extra-)?[i]ndex-url|--find-[l]inks",
    "how it was written": r"(?i)session [p]rompt|system [p]rompt|\b[c]laude\b|[c]hatgpt|\ban [a]i (?:agent|assistant)",
}


def test_no_file_holds_what_belongs_elsewhere() -> None:
    patterns = {what: re.compile(words, re.MULTILINE) for what, words in FORBIDDEN.items()}
    wrong = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" in content[:8192] or path.suffix in {".gz", ".png"}:
            continue
        text = content.decode("utf-8")
        for what, pattern in patterns.items():
            for found in pattern.finditer(text):
                number = text.count("\n", 0, found.start()) + 1
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {what}: {found.group()[:160]}")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_is_inside() -> None:
    vague = re.compile(r"^_?(utils?|commons?|helpers?|managers?|misc|stuff|shared)$")
    paths = sources(*PACKAGES, "tests", "benchmarks")
    wrong = [path for path in paths if any(vague.match(Path(part).stem) for part in path.relative_to(ROOT).parts)]
    assert not wrong


def test_a_room_has_one_tenant() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*PACKAGES)}
    wrong = {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE}
    assert not wrong, f"give the second tenant a room of its own: {wrong}"


def test_tables_of_these_pages_are_specified_in_one_way() -> None:
    # ``dashboard.ui.columns`` gives a table's frame and its format; who writes one of both by hand writes it twice.
    views = ROOT / "dashboard" / "views"
    paths = [path for name in ("settings", "maintenance") for path in (views / name).rglob("*.py")]
    paths += [views / "activity.py", views / "trends.py"]
    paths += [ROOT / "pages" / f"{name}.py" for name in ("settings", "maintenance", "activity", "trends")]
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "column_config"
    ]
    assert not wrong, wrong
