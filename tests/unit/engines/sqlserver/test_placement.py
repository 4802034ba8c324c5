from __future__ import annotations

from pwsops.engines.sqlserver.paths import WINDOWS
from pwsops.engines.sqlserver.placement import File, place


def files(*wanted: tuple[str, str, str]) -> list[File]:
    return [File(logical=logical, type=kind, path=path) for logical, kind, path in wanted]


def placed(wanted: list[File], existing: list[File]) -> dict[str, str]:
    return dict(place(wanted, existing, flavour=WINDOWS, database="va:ult", token="abcd"))


def test_files_go_onto_those_of_the_same_type_in_order() -> None:
    wanted = files(("a", "D", r"X:\a.mdf"), ("l", "L", r"X:\a.ldf"), ("b", "D", r"X:\b.ndf"))
    existing = files(("one", "D", r"D:\1.mdf"), ("two", "D", r"D:\2.ndf"), ("log", "L", r"L:\1.ldf"))
    assert placed(wanted, existing) == {"a": r"D:\1.mdf", "b": r"D:\2.ndf", "l": r"L:\1.ldf"}


def test_a_file_stays_on_its_disk_where_others_came_or_went_meanwhile() -> None:
    wanted = files(("a", "D", r"D:\a.mdf"), ("dropped", "D", r"E:\d.ndf"), ("c", "D", r"F:\c.ndf"))
    existing = files(("a", "D", r"D:\a.mdf"), ("c", "D", r"F:\c.ndf"), ("added", "D", r"G:\e.ndf"))
    assert placed(wanted, existing) == {"a": r"D:\a.mdf", "c": r"F:\c.ndf", "dropped": r"G:\e.ndf"}


def test_more_files_than_before_go_beside_the_first_under_new_names() -> None:
    wanted = files(("a", "D", r"X:\a.mdf"), ("b", "D", r"X:\b.ndf"), ("l", "L", r"X:\a.ldf"), ("m", "L", r"X:\m.ldf"))
    existing = files(("one", "D", r"D:\1.mdf"), ("log", "L", r"L:\1.ldf"))
    assert placed(wanted, existing) == {
        "a": r"D:\1.mdf",
        "b": r"D:\va_ult_abcd_2.ndf",
        "l": r"L:\1.ldf",
        "m": r"L:\va_ult_abcd_4.ldf",
    }


def test_a_type_that_was_not_there_before_goes_beside_another() -> None:
    wanted = files(("a", "D", r"X:\a.mdf"), ("s", "S", r"X:\streams"))
    assert placed(wanted, files(("one", "D", r"D:\1.mdf")))["s"] == r"D:\va_ult_abcd_2"
