"""What a server can say to a backup or a restore: the run is failed, the cause is shown, the next run is right."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from pwsops.errors import PwsopsError
from pwsops.rules.model import Message, RunStatus
from pwsops.runs import attempts
from tests.integration.sqlserver.product.backup_cases import BACKUPS
from tests.integration.sqlserver.product.home import ROWS, Product, Work
from tests.integration.sqlserver.product.mishaps import Case
from tests.integration.sqlserver.product.restore_cases import RESTORES
from tests.standin.server.messages import TEXTS, said
from tests.standin.wire import StandIn

NEWER = [(1, "changed meanwhile"), (2, "second"), (3, "new")]
LESS_SEVERE = (262, 916, 922, 926, 942, 3110)
"""FreeTDS passes on the severest error alone, which then is the wrapper that follows these."""
AT_THE_DOOR = (18456, 18470, 18486, 18487, 18488)
"""Nobody who is not let in can ask the server how severe that is, which no driver says."""
NOT_PASSED_ON = "the driver passed on no cause"


def test_there_are_more_than_thirty_of_them() -> None:
    numbers = {case.number for case in (*BACKUPS.values(), *RESTORES.values())} - {None}
    assert len(numbers) >= 30


@pytest.mark.parametrize("case", BACKUPS.values(), ids=BACKUPS.keys())
def test_a_backup_that_the_server_refuses_is_failed_with_the_cause_and_the_next_is_right(
    work: Work, case: Case
) -> None:
    work.profile()
    before = work.product.remembered()
    case.happens(work)
    try:
        run = work.run()
    finally:
        case.mended(work)
    use_login_again(work, case)
    [item] = run.items
    assert (run.status, item.status) == (RunStatus.FAILED, RunStatus.FAILED)
    check_told(work, case, item.error, item.hint, item.messages)
    assert (item.path, item.set_id) == (None, None)
    left = [name for name in work.media() if not name.endswith("~damaged.bak")]
    assert left == [], "what was begun is cleared away, but for what can be read of a damaged database"
    assert work.product.ops.profiles.view(work.name).failures_in_a_row == 1

    taken = work.succeeds()
    assert taken.set_id in work.product.remembered() - before
    assert work.product.ops.profiles.view(work.name).failures_in_a_row == 0


@pytest.mark.parametrize("case", RESTORES.values(), ids=RESTORES.keys())
def test_a_restore_that_the_server_refuses_tells_the_cause_and_the_next_is_right(work: Work, case: Case) -> None:
    work.profile()
    taken = work.succeeds()
    assert taken.path is not None
    work.path = taken.path
    work.on_server.write_rows(NEWER)
    case.happens(work)
    try:
        with pytest.raises(PwsopsError) as refused:
            work.product.restore(taken.path, work.database)
    finally:
        case.mended(work)
    use_login_again(work, case)
    check_told(work, case, refused.value.message, refused.value.hint, refused.value.messages)
    if case.untouched:
        assert (work.on_server.state, work.on_server.user_access) == ("ONLINE", "MULTI_USER")
    else:
        assert work.on_server.state == "RESTORING"
    work.product.restore(taken.path, work.database)
    work.assert_holds(ROWS)


def use_login_again(work: Work, case: Case) -> None:
    """Somebody mended the login on the server and says so: until then it is not tried again."""
    refused = [one.instance for one in work.product.ops.instances.refused_logins()]
    assert refused == (["srv"] if case.number in AT_THE_DOOR else [])
    for instance in refused:
        work.product.ops.instances.try_again(instance)


def check_told(work: Work, case: Case, error: str, hint: str, messages: Sequence[Message]) -> None:
    """The cause and the next step in plain words, and below them what the server really said."""
    work.product.assert_word_for_word(messages)
    numbers = [message.number for message in messages if message.is_error]
    if not work.product.driver.is_microsofts and case.number in LESS_SEVERE and case.number not in numbers:
        assert numbers == [3013]
        if NOT_PASSED_ON in error:
            assert "error log" in hint, "nobody is sent looking in the wrong place"
            return
    elif case.number is not None:
        assert case.number in numbers
        known = case.number in TEXTS and case.number not in AT_THE_DOOR
        assert all((message.severity is not None) is known for message in messages if message.number == case.number)
    check_words(work, case.error, error)
    check_words(work, case.hint, hint)


def check_words(work: Work, pattern: str, text: str) -> None:
    for blank, value in (("{database}", work.database), ("{directory}", work.directory)):
        pattern = pattern.replace(blank, re.escape(value))
    assert re.search(pattern, text), text


def test_a_deadlock_is_tried_again_and_the_history_says_so(work: Work) -> None:
    work.profile()
    work.server.faults.deadlock(database=work.database)
    taken = work.succeeds()
    assert any("Attempt 1 of 3 failed" in message.text for message in taken.messages)
    assert any("deadlock" in message.text for message in taken.messages)
    work.restores(taken)


def test_what_was_said_before_an_error_is_kept_where_the_driver_hands_it_out(shaped_work: Work) -> None:
    shaped_work.profile()
    shaped_work.server.faults.on(
        "BACKUP DATABASE", raise_=[said(3202, "x", "112(No space.)"), said(3013, "BACKUP DATABASE")], after_messages=101
    )
    item = shaped_work.item()
    assert item.status is RunStatus.FAILED
    numbers = [message.number for message in item.messages]
    assert numbers in ([4035, 3202], [3202])
    shaped_work.product.assert_word_for_word(item.messages)
    shaped_work.succeeds()


def test_a_server_that_is_down_fails_the_run_and_the_next_one_is_right(
    product: Product, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Microsoft's driver uses up its login timeout for each attempt.
    monkeypatch.setattr(attempts, "WAITS_S", (0.001,))
    with StandIn(product.server) as other:
        product.add_instance("away", address=other.address, login_timeout_s=1)
        work.profile(instance="away")
    item = work.item()
    assert item.status is RunStatus.FAILED
    assert "away failed: the server cannot be reached" in item.error
    assert "Check that the server runs" in item.hint
    with StandIn(product.server, port=other.port):
        work.succeeds()
