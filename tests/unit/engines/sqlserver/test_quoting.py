"""No value of a connection string can become a keyword, whoever reads the string."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pwsops.engines.records import Instance
from pwsops.engines.sqlserver.connect import connection_string
from pwsops.engines.sqlserver.drivers import MICROSOFT, Driver
from pwsops.engines.sqlserver.quoting import Reader, quoted, to_driver_manager
from pwsops.errors import InvalidInput
from tests.unit.engines.sqlserver import readers

EIGHTEEN = Driver(name=MICROSOFT[0], target=MICROSOFT[0])
TDS = Driver(name="FreeTDS", target="FreeTDS")
UNKNOWN = Driver(name="Mine", target="Mine")
DRIVERS = [EIGHTEEN, TDS, UNKNOWN]

# What means something to a reader, what its low byte makes of it, and all the rest.
odd = st.sampled_from(
    [
        *"{};= \t=a/\n\r\xa0\x1c", "}}", "};", "{{", " ;", ";DRIVER=/tmp/x.so;", "Encryption=off",
        *"\u017d\u013b\u017b\u0100\u013d\U0001f67d\U0001f4fd\u4e7d",
    ]
)  # fmt: skip
values = st.lists(odd | st.characters(exclude_categories=["Cs"]), max_size=12).map("".join)


def meant(driver: Driver, login: str, password: str, file: str) -> list[tuple[str, str]]:
    if driver is EIGHTEEN:
        server = [("SERVER", "db1,1444"), ("CONNECTRETRYCOUNT", "0"), ("MULTISUBNETFAILOVER", "Yes")]
        end = [("ENCRYPT", "strict"), ("TRUSTSERVERCERTIFICATE", "no"), ("SERVERCERTIFICATE", file)]
    elif driver is TDS:
        server = [("SERVER", "db1"), ("TDS_VERSION", "7.4"), ("CLIENTCHARSET", "UTF-8"), ("PORT", "1444")]
        end = [("ENCRYPTION", "require")]
    else:
        server = [("SERVER", "db1,1444"), ("CONNECTRETRYCOUNT", "0"), ("MULTISUBNETFAILOVER", "Yes")]
        end = [("ENCRYPT", "strict"), ("TRUSTSERVERCERTIFICATE", "no"), ("SERVERCERTIFICATE", file)]
    common = [("DATABASE", "master"), ("APP", "pwsops"), ("LANGUAGE", "us_english"), ("UID", login), ("PWD", password)]
    return [("DRIVER", driver.target), *server, *common, *end]


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@given(login=values, password=values, file=values)
@example(login="a", password="x} ;DRIVER=/tmp/x.so;Y={", file="f")
@example(login="a", password="x};Encryption=off;DRIVER={/tmp/x.so", file="f")
@example(login="\u017d ;DRIVER=/tmp/x.so;X={", password="p", file="f")
@example(login="\U0001f67d ;DRIVER=/tmp/x.so;X={", password="p", file="}")
def test_every_reader_finds_exactly_the_keywords_and_values_that_are_meant(
    driver: Driver, login: str, password: str, file: str
) -> None:
    options = {"encrypt": "strict", "server_certificate": file or "f"}
    if driver is TDS:
        options = {"encrypt": "yes", "trust_server_certificate": True}  # type: ignore[dict-item]
    told = Instance(name="x", engine="sqlserver", address="db1,1444", login=login, password=password, options=options)
    try:
        string = connection_string(told, driver)
    except InvalidInput:
        return  # what cannot be said is refused
    wanted = meant(driver, login, password, file or "f")
    by_manager = readers.unixodbc(string)
    if "\0" not in to_driver_manager(string):
        assert by_manager == [(keyword, to_driver_manager(value)) for keyword, value in wanted]
    # Behind what it takes for an end it reads nothing; before, nothing else.
    assert [keyword for keyword, _ in by_manager] == [keyword for keyword, _ in wanted][: len(by_manager)]
    assert by_manager[0] == ("DRIVER", driver.target)
    if driver is not EIGHTEEN:
        assert readers.freetds(string) == wanted
    if driver is not TDS:
        assert readers.microsoft(string) == wanted


@pytest.mark.parametrize(
    "value", ["", "a b", "a;b={c", "p'\"w\u00e4 \U0001f5c4", " lead and trail ", "K\u0101rlis", "a\u017dx"]
)
def test_what_can_be_told_is_told(value: str) -> None:
    assert quoted(value, Reader.MICROSOFT) is not None
    assert quoted(value, Reader.FREETDS) is not None


def test_braces_are_doubled_where_that_is_understood_and_plain_where_not() -> None:
    assert quoted("a};b", Reader.MICROSOFT) == "{a}};b}"
    assert quoted("a}b", Reader.FREETDS) == "a}b"
    assert quoted("a}b", Reader.UNKNOWN) is None
    assert quoted("a};b", Reader.FREETDS) is None
