from __future__ import annotations

import pytest

from pwsops.engines.options import Option, OptionKind, checked, warnings
from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.errors import InvalidInput


def test_what_is_known_and_fits_is_kept_and_what_is_empty_is_not() -> None:
    given = {"driver": "", "encrypt": "strict", "trust_server_certificate": False, "login_timeout_s": 5}
    kept = checked(given | {"server_certificate": None}, OPTIONS, engine="sqlserver")
    assert kept == {"encrypt": "strict", "trust_server_certificate": False, "login_timeout_s": 5}


@pytest.mark.parametrize(
    ("key", "value", "form"),
    [
        ("encrypt", "maybe", "one of yes, strict, no"),
        ("encrypt", True, "one of yes, strict, no"),
        ("trust_server_certificate", "yes", "true or false"),
        ("login_timeout_s", 0, "a number from 1 to 300"),
        ("login_timeout_s", True, "a number"),
        ("login_timeout_s", "15", "a number"),
        ("login_timeout_s", float("nan"), "a number"),
        ("driver", "two\nlines", "printable text"),
    ],
)
def test_a_value_that_cannot_be_one_is_refused_with_the_form_that_can(key: str, value: object, form: str) -> None:
    with pytest.raises(InvalidInput, match=key) as refusal:
        checked({key: value}, OPTIONS, engine="sqlserver")
    assert form in refusal.value.hint


def test_any_number_will_do_where_there_are_no_bounds() -> None:
    free = Option(key="n", title="N", meaning="", kind=OptionKind.NUMBER)
    assert checked({"n": -1.5}, [free], engine="x") == {"n": -1.5}
    with pytest.raises(InvalidInput) as refusal:
        checked({"n": "many"}, [free], engine="x")
    assert refusal.value.hint == "Give a number."


def test_an_unknown_key_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput, match="'colour'") as refusal:
        checked({"colour": "blue"}, OPTIONS, engine="sqlserver")
    assert "encrypt, trust_server_certificate" in refusal.value.hint
    with pytest.raises(InvalidInput) as refusal:
        checked({"colour": "blue"}, (), engine="sqlite")
    assert "knows none" in refusal.value.hint


def test_what_is_dangerous_is_warned_of_and_nothing_else() -> None:
    assert warnings({"encrypt": "strict", "trust_server_certificate": False, "driver": "x"}, OPTIONS) == []
    told = warnings({"encrypt": "no", "trust_server_certificate": True}, OPTIONS)
    assert [warning[:19] for warning in told] == ["Anybody between her"] * 2
    assert len(set(told)) == 2


def test_every_default_is_one_that_may_be_given() -> None:
    defaults = {option.key: option.default for option in OPTIONS}
    assert checked(defaults, OPTIONS, engine="sqlserver")
