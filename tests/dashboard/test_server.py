"""The ASGI application around Streamlit: who is let in, what leaves, and what an error shows."""

import tomllib
from pathlib import Path

import pytest
import streamlit
from starlette.testclient import TestClient

from dashboard import server
from dashboard.static_files import TEXTS
from registry_core import InvalidInput, Readiness, Registry

STATIC = Path(streamlit.__file__).parent / "static" / "static"
THEME = Path(server.__file__).parent / "theme.toml"


@pytest.fixture(scope="module")
def application() -> TestClient:
    # Streamlit's runtime may be made once in a process only; it is not started here.
    return TestClient(server.application(), base_url="http://127.0.0.1")


@pytest.fixture
def client(application: TestClient, own: Registry) -> TestClient:
    """The application over an empty registry."""
    return application


def test_health_is_of_the_process_and_readiness_of_its_engines(
    client: TestClient, own: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").json() == {
        "status": "ok", "engines": {"catalog": "ok", "live traffic": "ok", "store": "ok"},
    }  # fmt: skip
    away = Readiness({"catalog": "secret detail", "live traffic": "", "store": ""})
    monkeypatch.setattr(Registry, "readiness", lambda self: away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["engines"] == {"catalog": "unavailable", "live traffic": "ok", "store": "ok"}
    assert "secret" not in answer.text
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/overview", "/"),
        ("/upkeep?model=Churn&part=Trash", "/maintenance?model=Churn&part=Trash"),
        ("/challenger?experiment=3", "/experiments?experiment=3"),
    ],
)
def test_old_addresses_lead_to_their_pages(client: TestClient, old: str, new: str) -> None:
    answer = client.get(old, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, new)


@pytest.mark.parametrize("name", TEXTS)
def test_streamlits_texts_are_replaced_by_what_is_true_here(client: TestClient, name: str) -> None:
    (script,) = STATIC.glob(f"js/{name}.????????.js")
    assert all(text in script.read_text(encoding="utf-8") for text in TEXTS[name])
    answer = client.get(f"/static/js/{script.name}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert all(ours in answer.text and theirs not in answer.text for theirs, ours in TEXTS[name].items())


@pytest.mark.parametrize("pattern", ["js/index.*.js", "js/PlotlyChart.*.js", "css/index.*.css", "media/Source*.woff2"])
def test_static_files_are_small_and_kept_by_the_browser(client: TestClient, pattern: str) -> None:
    file = next(iter(STATIC.glob(pattern)))
    path = f"/static/{file.parent.name}/{file.name}"
    zipped = client.get(path)
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert zipped.content == plain.content
    assert plain.headers.get("content-encoding") is None
    for answer in (zipped, plain):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    if file.suffix != ".woff2":
        assert zipped.headers["content-encoding"] == "gzip"
        assert int(zipped.headers["content-length"]) < len(plain.content) / 2
        assert client.head(path).headers["content-length"] == zipped.headers["content-length"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["/", "/model?id=gone"])
def test_a_page_says_what_it_is_and_has_the_script_of_charts_fetched_ahead(
    client: TestClient, path: str, encoding: str
) -> None:
    (chart,) = STATIC.glob("js/PlotlyChart.*.js")
    page = client.get(path, headers={"accept-encoding": encoding})
    assert page.headers["link"] == f"</static/js/{chart.name}>; rel=prefetch; as=script"
    assert "<title>Model Registry</title>" in page.text
    assert "Loading Model Registry" in page.text


def test_what_is_no_page_is_sent_as_it_is(client: TestClient) -> None:
    assert "link" not in client.get("/healthz").headers


def test_a_static_file_that_is_missing_is_not_found(client: TestClient) -> None:
    for path in ("/static/js/none.AAAAAAAA.js", "/static/js/../index.html", "/static/js/%2e%2e/index.html"):
        assert "immutable" not in client.get(path).headers.get("cache-control", "")


def test_other_names_for_this_host_are_refused(client: TestClient) -> None:
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"host": "localhost:8501"}).status_code == 200


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json"])
def test_what_streamlit_tells_of_its_process_is_hidden(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/healthz", "/", "/_stcore/metrics"):
        headers = client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert "'unsafe-inline'" not in policy["script-src"]
        assert "'sha256-" in policy["script-src"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "registry.example"])
def test_other_machines_are_not_served_unasked(host: str) -> None:
    with pytest.raises(InvalidInput, match="other machines can reach"):
        server.serve("anywhere", host=host)


def test_a_port_that_is_taken_is_said() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidInput, match="cannot listen"):
            server.serve("anywhere", port=taken.getsockname()[1])


def test_the_settings_are_known_to_streamlit() -> None:
    from streamlit import config

    for name, value in server.settings("127.0.0.1", 8501).items():
        assert name in config._config_options_template, name
        assert value is not None


def test_the_theme_has_what_plotly_needs() -> None:
    with THEME.open("rb") as file:
        theme = tomllib.load(file)["theme"]
    assert len(theme["chartCategoricalColors"]) == 10
    assert len(set(theme["chartCategoricalColors"])) == 10


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_text_can_be_read_in_both_themes(shade: str) -> None:
    with THEME.open("rb") as file:
        colours = tomllib.load(file)["theme"][shade]
    assert contrast(colours["textColor"], colours["backgroundColor"]) >= 7
    assert contrast(colours["linkColor"], colours["backgroundColor"]) >= 4.5
    assert contrast(colours["dataframeHeaderTextColor"], colours["dataframeHeaderBackgroundColor"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
