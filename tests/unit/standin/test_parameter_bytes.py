"""The types of parameters that no driver here sends, or not in every form: byte by byte, as MS-TDS describes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from tests.standin.events import Value
from tests.standin.wire.packets import Malformed
from tests.standin.wire.parameters import Reader, read_parameter

COLLATION = "0904d00034"
CASES: list[tuple[str, str, Value]] = [
    ("null", "1f", None),
    ("tinyint", "30 ff", 255),
    ("smallint", "34 0080", -32768),
    ("int", "38 ffffffff", -1),
    ("bigint", "7f 0100000000000000", 1),
    ("bit", "32 01", True),
    ("real", "3b 0000c03f", 1.5),
    ("float", "3e 000000000000f83f", 1.5),
    ("money", "3c 00000000 983a0000", Decimal("1.5")),
    ("negative money", "3c ffffffff ffffffff", Decimal("-0.0001")),
    ("smallmoney", "7a 983a0000", Decimal("1.5")),
    ("nullable money", "6e 08 00", None),
    ("datetime", "3d 00000000 2c010000", datetime(1900, 1, 1, 0, 0, 1)),
    ("smalldatetime", "3a 0100 3c00", datetime(1900, 1, 2, 1, 0)),
    ("nullable datetime", "6f 08 08 ffffffff 00000000", datetime(1899, 12, 31)),
    ("nullable smalldatetime", "6f 04 04 0000 0100", datetime(1900, 1, 1, 0, 1)),
    ("null datetime", "6f 08 00", None),
    ("nullable int", "26 04 04 05000000", 5),
    ("null int", "26 04 00", None),
    ("null bit", "68 01 00", None),
    ("decimal", "6a 05 09 02 05 00 96000000", Decimal("-1.50")),
    ("null numeric", "6c 05 09 02 00", None),
    ("guid", "24 10 10 67452301ab89efcd0123456789abcdef", UUID("01234567-89ab-cdef-0123-456789abcdef")),
    ("date", "28 03 000000", datetime(1, 1, 1)),
    ("null date", "28 00", None),
    ("time(0)", "29 00 03 3d0000", "00:01:01"),
    ("null time", "29 07 00", None),
    ("datetime2(0)", "2a 00 06 010000 010000", datetime(1, 1, 2, 0, 0, 1)),
    ("datetime2(7)", "2a 07 08 8096980000 000000", datetime(1, 1, 1, 0, 0, 1)),
    ("null datetime2", "2a 07 00", None),
    ("char", f"af 0300 {COLLATION} 0300 616263", "abc"),
    ("varchar", f"a7 0300 {COLLATION} 0100 e9", "é"),
    ("null varchar", f"a7 0300 {COLLATION} ffff", None),
    ("nchar", f"ef 0400 {COLLATION} 0400 3dd800de", "😀"),
    ("nvarchar(max)", f"e7 ffff {COLLATION} feffffffffffffff 02000000 6100 02000000 6200 00000000", "ab"),
    ("empty nvarchar(max)", f"e7 ffff {COLLATION} 0000000000000000 00000000", ""),
    ("null nvarchar(max)", f"e7 ffff {COLLATION} ffffffffffffffff", None),
    ("binary", "ad 0200 0200 00ff", b"\0\xff"),
    ("varbinary(max)", "a5 ffff 0200000000000000 02000000 00ff 00000000", b"\0\xff"),
    ("text", f"23 ffffff7f {COLLATION} 03000000 616263", "abc"),
    ("ntext", f"63 ffffff7f {COLLATION} 02000000 6100", "a"),
    ("null ntext", f"63 ffffff7f {COLLATION} ffffffff", None),
    ("image", "22 ffffff7f 01000000 ff", b"\xff"),
]


@pytest.mark.parametrize(("type_and_value", "value"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_value_is_read_to_its_last_byte_and_not_further(type_and_value: str, value: Value) -> None:
    name = "02 40005000"
    reader = Reader(bytes.fromhex(f"{name} 01 {type_and_value} 99"))
    found = read_parameter(reader)
    assert (found.name, found.output, found.value) == ("@P", True, value)
    assert type(found.value) is type(value)
    assert reader.rest() == b"\x99"


def test_an_unknown_type_is_refused_by_its_number() -> None:
    with pytest.raises(Malformed, match="0xF0"):
        read_parameter(Reader(bytes.fromhex("00 00 f0")))


def test_a_value_that_ends_too_early_is_refused() -> None:
    with pytest.raises(Malformed, match="ends too early"):
        read_parameter(Reader(bytes.fromhex("00 00 38 ff")))
