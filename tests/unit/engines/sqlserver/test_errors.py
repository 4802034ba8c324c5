from __future__ import annotations

import string

import pytest

from pwsops.engines.sqlserver.causes import CAUSES, SYSTEM_ERRORS, WHILE_BACKING_UP, WRAPPERS
from pwsops.engines.sqlserver.errors import Doing, ErrorContext, reason, translate
from pwsops.errors import BaseUnusable, CertificateNeeded, Conflict, EngineError, MediaError, NotFound
from pwsops.messages import Message
from tests.clocks import NOON

WRITING = ErrorContext(
    operation="Backing up vault",
    doing=Doing.WRITING,
    server="prod",
    database="vault",
    path=r"D:\Backup\vault.bak",
    login="pws",
    account=r"NT Service\MSSQLSERVER",
)
READING = ErrorContext(operation="Verifying x", doing=Doing.READING, server="prod", path=r"D:\Backup\vault.bak")
LISTED = {
    3201, 3202, 3271, 3257, 3023, 3035, 3101, 3102, 3110, 3117, 3136, 3141, 3154, 3142, 3156, 1834, 3169, 3187, 3189,
    3241, 3242, 3256, 3043, 33111, 911, 4060, 18456, 18486, 18487, 229, 262, 3634, 3095, 4030, 1205, 3021, 1844, 4208,
    4214, 3024, 3147, 3159, 3108,
}  # fmt: skip


def error(number: int | None, text: str = "The server's own words.") -> Message:
    return Message(text=text, at=NOON, number=number, is_error=True)


def test_every_number_of_the_list_has_a_cause_and_a_next_step() -> None:
    assert set(CAUSES) >= LISTED
    for cause in (*CAUSES.values(), *SYSTEM_ERRORS.values()):
        assert cause.text
        assert cause.step
        names = {name for text in (cause.text, cause.step) for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names <= {*WRITING.words, "system", "thumbprint"}


@pytest.mark.parametrize("number", sorted(CAUSES))
def test_a_cause_is_said_with_the_operation_and_the_instance_and_the_raw_messages_stay(number: int) -> None:
    messages = [Message(text="Processed.", at=NOON, number=4035), error(number), error(3013)]
    told = translate(messages, WRITING)
    assert told.message.startswith("Backing up vault on prod failed: ")
    assert told.hint
    assert told.number == number
    assert "{" not in told.message + told.hint
    assert told.messages == tuple(messages)
    cause = WHILE_BACKING_UP.get(number, CAUSES[number])
    assert type(told) is cause.kind
    assert told.transient is cause.transient


@pytest.mark.parametrize("system", sorted(SYSTEM_ERRORS))
def test_what_the_operating_system_said_is_the_cause(system: int) -> None:
    text = f"Cannot open backup device 'D:\\x'. Operating system error {system}(Some text.)."
    told = translate([error(3201, text), error(3013)], WRITING)
    assert told.number == 3201
    assert "D:\\x" in told.message
    assert told.hint == SYSTEM_ERRORS[system].step


def test_access_denied_names_the_service_account_and_the_path() -> None:
    told = translate([error(3201, "Operating system error 5(Access is denied.).")], WRITING)
    assert told.message == (
        r"Backing up vault on prod failed: the SQL Server service account NT Service\MSSQLSERVER may not read or write "
        r"D:\Backup\vault.bak."
    )


def test_an_unknown_error_of_the_operating_system_is_quoted() -> None:
    told = translate([error(3201, "Operating system error 998(Invalid access.). (odd)")], WRITING)
    assert "Invalid access" in told.message


def test_what_is_done_to_a_file_is_told_by_no_word_of_its_name() -> None:
    odd = ErrorContext(operation="Verifying Backing up, Reading", server="prod", doing=Doing.WRITING)
    assert not isinstance(translate([error(3201, "Operating system error 2(x).")], odd), MediaError)


def test_why_something_failed_and_for_which_certificate_is_told_apart_from_the_message() -> None:
    told = translate([error(33111, f"Cannot find server certificate with thumbprint '0x{'ab' * 20}'.")], READING)
    assert (type(told), told.thumbprint) == (CertificateNeeded, "AB" * 20)
    assert told.message == f"Verifying x on prod failed: {told.cause}."
    named = ErrorContext(operation="Backing up failed: x", server="prod")
    assert reason(translate([error(99999, "Odd.")], named)) == "Odd. (error 99999)"
    assert reason(EngineError("It stopped.", hint="Look.")) == "It stopped"


def test_a_file_that_cannot_be_opened_for_reading_is_a_media_error() -> None:
    for system in (2, 998):
        told = translate([error(3201, f"Operating system error {system}(failed to retrieve text).")], READING)
        assert isinstance(told, MediaError)
    assert not isinstance(translate([error(3201, "Operating system error 2(x).")], WRITING), MediaError)


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_the_cause_is_found_before_and_behind_the_wrapper(wrapper: int) -> None:
    for messages in ([error(wrapper), error(3202)], [error(3202), error(wrapper)]):
        assert translate(messages, WRITING).number == 3202


def test_a_wrapper_alone_says_that_the_cause_did_not_come_through() -> None:
    told = translate([error(3013)], WRITING)
    assert "the driver passed on no cause" in told.message
    assert "error log" in told.hint


def test_an_unknown_error_is_quoted_with_its_number() -> None:
    told = translate([error(99999, "Something new.")], WRITING)
    assert told.message == "Backing up vault on prod failed: Something new. (error 99999)"
    assert told.number == 99999
    assert not told.transient


def test_silence_is_no_success() -> None:
    told = translate([Message(text="Processed.", at=NOON, number=4035)], WRITING)
    assert "neither reported success" in told.message


@pytest.mark.parametrize("message", [error(None, "[08S01] Communication link failure"), error(20017), error(20009)])
def test_a_lost_connection_is_worth_another_try(message: Message) -> None:
    told = translate([message], WRITING)
    assert told.transient
    assert "cannot be reached" in told.message


def test_a_number_of_the_server_is_never_a_lost_connection_whatever_its_state() -> None:
    told = translate([error(911, "Database 'vault' does not exist.")], WRITING)
    assert isinstance(told, NotFound)
    assert "create it empty" in told.hint


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("SSL Provider: [error:0A000086::certificate verify failed:unable to get local issuer certificate]", "issuer"),
        ("SSL Provider: [certificate verify failed:subject name does not match host name]", "name"),
        ("Encryption not supported on SQL Server.", "does not encrypt"),
    ],
)
def test_a_connection_that_is_not_safe_is_not_tried_again(text: str, step: str) -> None:
    told = translate([error(None, f"[08001] {text}")], WRITING)
    assert not told.transient
    assert step in told.hint


def test_kinds_say_what_the_caller_can_do() -> None:
    assert isinstance(translate([error(3035)], WRITING), BaseUnusable)
    assert isinstance(translate([error(1801)], WRITING), Conflict)
    assert isinstance(translate([error(3241)], WRITING), MediaError)
    assert type(translate([error(3202)], WRITING)) is EngineError


def test_without_names_the_words_still_make_a_sentence() -> None:
    told = translate([error(3110)], ErrorContext(operation="Restoring x", doing=Doing.READING, server="prod"))
    assert "the service user's login may not restore the database" in told.message
    told = translate(
        [error(3201, "Operating system error 5(x).")],
        ErrorContext(operation="Backing up x", doing=Doing.WRITING, server="prod"),
    )
    assert "the account of SQL Server may not read" in told.message


NAMED = [
    (3201, r"Cannot open backup device 'E:\it's.bak'. Operating system error 5(Access is denied.).", r"E:\it's.bak"),
    (3202, 'Write on "E:\\two.bak" failed: 112(There is not enough space on the disk.)', "E:\\two.bak"),
    (3271, 'A nonrecoverable I/O error occurred on file "E:\\two.bak:" 112(No space.).', "E:\\two.bak"),
    (5133, 'Directory lookup for the file "F:\\x.mdf" failed with the operating system error 2(x).', "F:\\x.mdf"),
    (5120, 'Unable to open the physical file "F:\\x.mdf". Operating system error 5: "5(x)".', "F:\\x.mdf"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "text", "place"), NAMED, ids=[str(each[0]) for each in NAMED])
def test_the_file_is_named_that_the_server_named(number: int, text: str, place: str) -> None:
    told = translate([error(number, text), error(3013)], WRITING)
    assert place in told.message
    assert r"D:\Backup" not in told.message


def test_a_file_of_the_database_that_cannot_be_read_while_it_is_backed_up_is_not_the_backups_damage() -> None:
    text = 'Read on "F:\\vault.mdf" failed: 23(Data error (cyclic redundancy check).)'
    told = translate([error(3203, text), error(3013)], WRITING)
    assert "cannot read a file of vault" in told.message
    assert "Keep the older backups" in told.hint
    assert not isinstance(told, MediaError)
    assert isinstance(translate([error(3203, text)], READING), MediaError)
