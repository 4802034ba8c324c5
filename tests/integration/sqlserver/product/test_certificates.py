"""Profiles that encrypt with a certificate of the server, or whose databases are encrypted by one, start to finish."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from pwsops.operations.records import ItemView
from tests.integration.sqlserver.product.home import Product, Work
from tests.standin.server.certificates import Certificate, CertificateFile, KeyFileContent

SECRET = "it's a S3cret, really"
NUMBERS = count(1)


class Keeping(Work):
    """A database whose certificate the server keeps."""

    def __init__(self, product: Product) -> None:
        super().__init__(product, f"kept{next(NUMBERS)}")
        self.keeper: Certificate = self.server.make_certificate(f"keeper of {self.name}")
        self.thumbprint = self.keeper.thumbprint.hex().upper()

    def encrypts(self, *, save: bool = True) -> None:
        """Make a profile that encrypts with the certificate."""
        self.profile(encrypt_with=self.keeper.name, save_certificates=save, certificate_password=SECRET)

    def saved(self) -> list[str]:
        """Give the names of the files of certificates."""
        return [name for name in self.media() if name.endswith((".cer", ".pvk"))]


@pytest.fixture
def keeping(product: Product) -> Iterator[Keeping]:
    yield Keeping(product)
    product.server.faults.clear()


def told(item: ItemView) -> str:
    return "\n".join(message.text for message in item.messages)


def assert_nowhere(product: Product, secret: str) -> None:
    """Make sure that a secret is in no file of the home, as it is or as T-SQL quotes it."""
    forms = [form.encode() for form in (secret, secret.replace("'", "''"))]
    files = [path for path in product.home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(form in content for form in forms), path


def test_a_run_encrypts_and_saves_the_certificate_once(keeping: Keeping) -> None:
    keeping.encrypts()
    item = keeping.succeeds()
    assert keeping.set_of(item).thumbprint == keeping.thumbprint
    first = keeping.saved()
    assert [name.rpartition(".")[2] for name in first] == ["cer", "pvk"]
    assert all(name.startswith(f"keeper-of-{keeping.name}_{keeping.thumbprint}_") for name in first)
    assert f"was saved as {keeping.directory}\\{first[0]}" in told(item)
    keeping.succeeds()
    assert keeping.saved() == first


def test_what_was_saved_holds_the_key_under_the_password_and_nothing_of_ours_shows_it(keeping: Keeping) -> None:
    keeping.encrypts()
    keeping.succeeds()
    public, private = (keeping.server.files.get(f"{keeping.directory}\\{name}") for name in keeping.saved())
    assert public is not None
    assert private is not None
    assert isinstance(public.content, CertificateFile)
    assert isinstance(private.content, KeyFileContent)
    assert public.content.thumbprint == private.content.thumbprint == keeping.keeper.thumbprint
    assert private.content.password == SECRET
    assert any(SECRET.replace("'", "''") in batch for batch in keeping.server.log), "the server was told"
    assert_nowhere(keeping.product, SECRET)


def test_files_that_are_gone_and_a_new_password_make_a_new_copy(keeping: Keeping) -> None:
    keeping.encrypts()
    keeping.succeeds()
    first = keeping.saved()
    keeping.server.files.remove(f"{keeping.directory}\\{first[1]}")
    keeping.succeeds()
    second = [name for name in keeping.saved() if name not in first]
    assert len(second) == 2
    profiles = keeping.product.ops.profiles
    profiles.save(keeping.name, profiles.get(keeping.name), certificate_password="An0ther one, long")
    keeping.succeeds()
    third = [name for name in keeping.saved() if name not in [*first, *second]]
    assert len(third) == 2
    key = keeping.server.files.get(f"{keeping.directory}\\{third[1]}")
    assert key is not None
    assert isinstance(key.content, KeyFileContent)
    assert key.content.password == "An0ther one, long"
    assert_nowhere(keeping.product, "An0ther one, long")
