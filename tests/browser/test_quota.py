"""A visitor uploads more than a session may hold, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from registry_core import Registry
from tests.servers import running_dashboard

from .conftest import Visitor, model_file

pytestmark = pytest.mark.browser


@pytest.mark.full
def test_who_uploads_too_much_is_told_so(
    browser: Browser, filled: Registry, registry_folder: Path, tmp_path: Path
) -> None:
    small, large = tmp_path / "small.joblib", tmp_path / "large.joblib"
    small.write_bytes(model_file())
    large.write_bytes(bytes(3_000))
    quota = str(len(model_file()) + 2_500)
    with running_dashboard(registry_folder, program=("tests.small_quota", quota)) as address:
        context = browser.new_context(reduced_motion="reduce")
        anna = Visitor(context, address)
        page = anna.visit("/upload?model=Churn")
        fields = page.get_by_test_id("stFileUploaderDropzoneInput")
        model, scaler = fields.first, fields.nth(1)
        model.set_input_files(small)
        expect(page.get_by_text("Trusted.")).to_be_visible()
        scaler.set_input_files(large)
        expect(page.get_by_text("Nothing was stored. Remove a file you no longer need")).to_be_visible()
        # What was there before is still there.
        expect(page.get_by_text("Trusted.")).to_be_visible()
        expect(page.get_by_role("button", name="Remove small.joblib")).to_be_visible()
        assert anna.trouble == []
        context.close()
