"""The certificates in a real browser: files up, files down, and a profile that encrypts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pwsops.certificates import archive
from pwsops.operations import Operations
from tests.browser.looks import shown
from tests.browser.serving import Served, sign_in
from tests.pairs import certificate_pem, key_pem, openssl, pair

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
PASSWORD = "pä55 word"
SLOW_TO_READ = """
const read = Blob.prototype.arrayBuffer
Blob.prototype.arrayBuffer = async function () {
  await new Promise((done) => setTimeout(done, 500))
  return read.call(this)
}
"""
"""A file that is not read yet when somebody goes on."""


def test_a_certificate_goes_in_and_comes_out_again(
    served: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    (tmp_path / "mine.pfx").write_bytes(archive.pack([pair("one")], PASSWORD))
    visitor = visit(served.url, accept_downloads=True)
    page = visitor.page
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    page.reload()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Certificates").click()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "mine.pfx")
    password = page.get_by_label("Its password")
    password.fill("wrong")
    password.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the password is wrong")
    expect(password).to_have_value("")
    password.fill(PASSWORD)
    password.press("Enter")
    row = page.get_by_role("row").filter(has_text=pair("one").facts().thumbprint)
    expect(row).to_contain_text("in the store")
    expect(shown(page, "one is imported.")).to_be_visible()
    assert [view.name for view in ops.certificates.list()] == ["one"]

    row.get_by_role("button", name="Export one").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    again = page.get_by_label("The same again")
    again.fill(PASSWORD)
    with page.expect_download() as found:
        again.press("Enter")
    path = tmp_path / found.value.suggested_filename
    found.value.save_as(path)
    text = openssl("pkcs12", "-in", path, "-passin", f"pass:{PASSWORD}", "-nodes")
    assert certificate_pem(pair("one")) in text

    row.get_by_role("button", name="Remove one").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.get_by_role("button", name="Remove it: one").click()
    expect(row).not_to_be_visible()
    assert PASSWORD not in "".join(frames)
    assert visitor.errors == visitor.outside == []


def test_the_two_halves_of_pem_are_chosen_together(
    served: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    (tmp_path / "one.crt").write_bytes(certificate_pem(pair("one")))
    (tmp_path / "one.key").write_bytes(key_pem(pair("one")))
    visitor = visit("about:blank")
    sign_in(visitor.context, served.url)
    page = visitor.page
    page.add_init_script(SLOW_TO_READ)
    page.goto(f"{served.url}?page=certificates&view=import")
    page.get_by_label("File", exact=True).set_input_files([tmp_path / "one.crt", tmp_path / "one.key"])
    page.get_by_role("button", name="Import", exact=True).click()
    expect(shown(page, "one is imported.")).to_be_visible()
    # What says so is drawn before the form is gone: until then, the button would be the form's.
    expect(page.get_by_label("File", exact=True)).not_to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_label("File", exact=True)).to_have_value("")
    assert [view.subject for view in ops.certificates.list()] == ["CN=one"]


def test_a_profile_encrypts_with_what_was_made_here(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(f"{served.url}?page=certificates").page
    page.get_by_role("button", name="Make one").click()
    page.get_by_label("Name", exact=True).fill("Vault backups")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(shown(page, "Vault backups is made.")).to_be_visible()

    page.goto(f"{served.url}?page=wizard&profile=Vaults&step=3")
    page.get_by_label("Encrypt for").select_option("Vault backups")
    page.get_by_label("Save the certificate with the backups").check()
    page.get_by_label("Password for the saved certificate").fill(PASSWORD)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).not_to_have_url(re.compile("page=wizard"))
    [view] = ops.certificates.list(required=True)
    assert ops.profiles.get("Vaults").encrypt_with == view.thumbprint
    attention = page.get_by_role("list", name="What needs attention")
    expect(attention).to_contain_text("The certificate Vault backups is neither saved with a backup nor exported")
    ops.runs.run_here("Vaults")
    expect(attention.filter(has_text="Vault backups")).not_to_be_visible()
