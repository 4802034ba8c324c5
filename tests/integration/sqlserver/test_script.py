"""A restore as T-SQL: run as it is by a real driver, it does what the engine's restore does."""

from __future__ import annotations

import pytest

from pwsops.engines.requests import Encryption, RestoreRequest
from pwsops.errors import Conflict, InvalidInput, MediaError, NotFound, PwsopsError
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import PASSWORD, ROWS, Bench
from tests.standin.server.client import Client

BOUND = "IF CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) <> "


def script(bench: Bench, *sets: BackupSet, database: str = "vault", **options: object) -> str:
    return bench.engine.restore_script(RestoreRequest(database=database, sets=sets, **options))  # type: ignore[arg-type]


def statements(text: str) -> list[str]:
    """Return the lines that do something where nothing goes wrong."""
    return [line for line in text.splitlines() if not line.startswith(("--", "IF @@ERROR", BOUND))]


def failing(bench: Bench, text: str) -> str:
    """Run it, and return the last error; drivers pass on only the first, or one of the severest."""
    with pytest.raises(PwsopsError):
        run(bench, text)
    return Client(bench.server).ask(text).said[-1].text


def run(bench: Bench, text: str) -> None:
    """Send it as one batch, over the wire, by the driver at hand."""
    link = bench.engine._link
    link.run(link.context("Running the script"), text, timeout_s=60)


def test_the_script_replaces_what_is_there_and_lets_everybody_in_again(bench: Bench) -> None:
    vault = bench.server.databases["vault"]
    full = bench.full()
    vault.write_rows([(100, "after the full")])
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    vault.write_rows([(101, "to be lost")])
    text = script(bench, full, differential)
    assert not bench.sent("RESTORE DATABASE")
    assert not bench.sent("ALTER DATABASE")
    run(bench, text)
    assert vault.state == "ONLINE"
    assert vault.user_access == "MULTI_USER"
    assert vault.read_rows() == [*ROWS, (100, "after the full")]


def test_its_statements_stand_in_the_order_in_which_they_are_needed(bench: Bench) -> None:
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    lines = statements(script(bench, full, differential))
    assert lines[0] == "USE [master];"
    proofs, offline, (first, last), access = lines[1:3], lines[3], lines[4:6], lines[6]
    assert [proof.partition(" WITH ")[0] for proof in proofs] == [
        f"RESTORE VERIFYONLY FROM DISK = N'{one.path}'" for one in (full, differential)
    ]
    assert offline.endswith("ALTER DATABASE [vault] SET OFFLINE WITH ROLLBACK IMMEDIATE;")
    assert "FILE = 1" in first
    assert "REPLACE, NORECOVERY" in first
    assert "REPLACE" not in last
    assert " RECOVERY" in last
    assert access == "ALTER DATABASE [vault] SET MULTI_USER WITH ROLLBACK IMMEDIATE;"
    assert len(lines) == 7


@pytest.mark.parametrize("options", [{}, {"database": "new", "create_if_missing": True}])
def test_on_any_other_server_it_does_nothing(bench: Bench, options: dict[str, object]) -> None:
    vault = bench.server.databases["vault"]
    text = script(bench, bench.full(), **options)  # type: ignore[arg-type]
    vault.write_rows([(100, "of now")])
    first = next(line for line in text.splitlines() if not line.startswith("--"))
    assert first.startswith(f"{BOUND}N'{bench.server.name}' THROW 50000, N'")
    name, bench.server.name = bench.server.name, "another"
    said = failing(bench, text)
    assert said == f"This was printed for the server {name}, and this is another one. Nothing was changed."
    assert (vault.state, vault.read_rows()) == ("ONLINE", [*ROWS, (100, "of now")])
    assert "new" not in bench.server.databases


def test_each_statement_but_the_last_is_followed_by_what_ends_the_batch_at_an_error(bench: Bench) -> None:
    lines = [line for line in script(bench, bench.full()).splitlines() if not line.startswith("--")]
    assert [line.startswith("IF @@ERROR <> 0 THROW 50000, N'") for line in lines] == [
        *(False, False, False, True, False, True, False, True, False)
    ]


@pytest.mark.parametrize("spoiled", [0, 1])
def test_what_cannot_be_proven_ends_it_before_anything_is_changed(bench: Bench, spoiled: int) -> None:
    vault = bench.server.databases["vault"]
    sets = [full := bench.full(), bench.take(file_name="diff.bak", base=full).backup_set]
    vault.write_rows([(100, "of now")])
    text = script(bench, *sets)
    bench.server.files.remove(sets[spoiled].path)
    said = failing(bench, text)
    assert "A backup could not be proven; the error before this one says why. Nothing was changed." in said
    assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", "MULTI_USER", [*ROWS, (100, "of now")])


def test_a_script_that_broke_off_is_run_again_as_it_is(bench: Bench) -> None:
    vault = bench.server.databases["vault"]
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    text = script(bench, full, differential)
    last = statements(text)[5]
    assert "The restore was broken off" in failing(bench, text.replace(last, last.replace("FILE = 1", "FILE = 9")))
    assert vault.state == "RESTORING"
    run(bench, text)
    assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", "MULTI_USER", ROWS)


@pytest.mark.parametrize("name", ["vault", "$(vault)"])
def test_a_database_that_is_made_meanwhile_is_left_as_it_is(bench: Bench, name: str) -> None:
    run(bench, script(bench, bench.full(), database="spare", create_if_missing=True))
    full = bench.take(file_name="spare.bak", database="spare").backup_set
    text = script(bench, full, database=name + "2", create_if_missing=True)
    run(bench, text)
    made = bench.server.databases[name + "2"]
    made.write_rows([(100, "of now")])
    assert "exists by now; it was left as it is" in failing(bench, text)
    assert (made.state, made.read_rows()) == ("ONLINE", [*ROWS, (100, "of now")])


HOSTILE = ["$(DBNAME)", "two  spaces ", "a\nGO\n:!! touch harmed\n]; DROP DATABASE vault --", "it's $$((x)\r\n!!x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_kept_as_it_is_and_means_nothing_to_a_client(bench: Bench, name: str) -> None:
    full = bench.full()
    text = script(bench, full, database=name, create_if_missing=True)
    assert "$(" not in text
    assert all(line.startswith(("--", "USE ", "RESTORE ", "IF ", "DECLARE ", "EXEC ")) for line in text.splitlines())
    run(bench, text)
    assert bench.server.databases[name].read_rows() == ROWS
    assert bench.server.databases["vault"].read_rows() == ROWS
    bench.server.databases[name].write_rows([(100, "to be lost")])
    again = script(bench, full, database=name)
    assert "$(" not in again
    run(bench, again)
    assert bench.server.databases[name].read_rows() == ROWS
    assert bench.server.databases[name].user_access == "MULTI_USER"


def test_a_remark_holds_no_statement_that_it_changes(bench: Bench) -> None:
    full = bench.full()
    assert "ALTER DATABASE [vault] SET ONLINE" in script(bench, full)
    run(bench, script(bench, full, database="two  spaces", create_if_missing=True))
    remarks = [line for line in script(bench, full, database="two  spaces").splitlines() if line.startswith("--")]
    assert any("by: ALTER DATABASE … SET ONLINE" in line for line in remarks)
    assert not any("[two spaces]" in line for line in remarks)


def test_a_new_name_is_made_with_files_of_its_own_and_nothing_is_replaced(bench: Bench) -> None:
    full = bench.full()
    text = script(bench, full, database="vault copy]", create_if_missing=True, must_be_new=True)
    assert "[vault copy]]]" in text
    assert "REPLACE" not in text
    assert "MOVE" in text
    run(bench, text)
    assert bench.server.databases["vault copy]"].read_rows() == ROWS
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_the_mode_that_a_database_has_is_the_one_that_it_is_given_back(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].user_access = "RESTRICTED_USER"
    restore, last = statements(script(bench, full))[-2:]
    assert "RECOVERY, CHECKSUM, RESTRICTED_USER" in restore
    assert last.endswith("SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE;")


def test_one_that_nobody_is_in_is_neither_closed_nor_opened(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].state = "OFFLINE"
    assert "ALTER DATABASE" not in "".join(
        line for line in script(bench, full).splitlines() if not line.startswith("--")
    )


def test_the_remarks_say_what_is_needed(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    full = bench.full(encryption=Encryption(name="keeper"))
    remarks = [line for line in script(bench, full).splitlines() if line.startswith("--")]
    assert any("Everything that vault holds now is replaced." in line for line in remarks)
    assert any(f"the certificate {full.thumbprint} with its private key" in line for line in remarks)


def test_what_a_restore_refuses_is_refused_as_a_script_as_well(bench: Bench) -> None:
    full = bench.full()
    with pytest.raises(Conflict, match="exists on prod already"):
        script(bench, full, create_if_missing=True, must_be_new=True)
    with pytest.raises(NotFound):
        script(bench, full, database="gone")
    with pytest.raises(InvalidInput, match="master"):
        script(bench, full, database="master")
    with pytest.raises(InvalidInput, match="plain file"):
        script(bench, full, to_file="/x.db")
    bench.server.files.remove(full.path)
    with pytest.raises(MediaError):
        script(bench, full)


def test_what_a_restore_refuses_is_told_before_and_nothing_is_changed(bench: Bench) -> None:
    full = bench.full()

    def check(*sets: BackupSet, database: str = "vault", **options: object) -> None:
        bench.engine.check_restore(RestoreRequest(database=database, sets=sets, **options))  # type: ignore[arg-type]

    check(full)
    check(full, database="new", create_if_missing=True, must_be_new=True)
    with pytest.raises(Conflict, match="exists on prod already"):
        check(full, create_if_missing=True, must_be_new=True)
    with pytest.raises(NotFound):
        check(full, database="gone")
    with pytest.raises(InvalidInput, match="master"):
        check(full, database="master")
    with pytest.raises(InvalidInput, match="plain file"):
        check(full, to_file="/x.db")
    bench.server.files.remove(full.path)
    with pytest.raises(MediaError):
        check(full)
    assert len(bench.sent("RESTORE VERIFYONLY")) == 1, "that of the backup"
    for statement in ("RESTORE DATABASE", "ALTER DATABASE"):
        assert not bench.sent(statement)


def test_a_name_that_ends_a_remark_or_steers_a_terminal_is_in_no_script(bench: Bench) -> None:
    full = bench.full()
    text = script(bench, full, database="a\n; DROP DATABASE vault --", create_if_missing=True)
    assert not any(line.startswith(";") for line in text.splitlines())
    with pytest.raises(InvalidInput, match="cannot be printed"):
        script(bench, full, database="a\x1b[2J", create_if_missing=True)


def test_a_restore_that_must_make_its_database_leaves_one_that_is_there(bench: Bench) -> None:
    full = bench.full()
    request = RestoreRequest(database="vault", sets=[full], create_if_missing=True, must_be_new=True)
    with pytest.raises(Conflict, match="exists on prod already"):
        bench.engine.restore(request)
    with pytest.raises(InvalidInput, match="plain file"):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full], to_file="/x.db"))
    assert not bench.sent("ALTER DATABASE")
    assert PASSWORD not in script(bench, full)
