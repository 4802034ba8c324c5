"""What somebody sees who is given some instances only: a connection on which every table holds theirs alone.

Each table that tells of instances is covered, for one connection, by a temporary view of the same name. So whatever a
statement counts, searches, sorts or names in an error, it can tell of nothing else, and no statement has to think of
it. The views go with the transaction, as the connection's other temporary tables do.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from pwsops.catalogue.schema import metadata

EVERYBODYS = frozenset({"settings", "service", "texts", "audit_keys", "home"})
"""Tables that tell of no instance. What `texts` holds is found by the runs that say it."""
_MINE = "SELECT instance FROM temp.visible_instances"
_OF_PROFILE = "SELECT instance FROM main.profiles WHERE id = one.profile_id"
_WORKED_ON = f"coalesce(one.instance, ({_OF_PROFILE})) IN ({_MINE})"
"""Of a run: where it worked, as was written when it began. Its profile may have another instance since."""
_RUN = f"SELECT 1 FROM main.runs AS one WHERE one.id = run_id AND {_WORKED_ON}"
_CONDITIONS = {
    "instances": f"name IN ({_MINE})",
    "runs": _WORKED_ON,
    "run_counts": f"coalesce(nullif(one.instance, ''), ({_OF_PROFILE})) IN ({_MINE})",
    "run_items": f"EXISTS ({_RUN})",
    "said": f"EXISTS ({_RUN})",
    "messages": "EXISTS (SELECT 1 FROM main.run_items AS item JOIN main.runs AS one ON one.id = item.run_id "
    f"WHERE item.id = item_id AND {_WORKED_ON})",
    # Those that theirs encrypt with, or need: the store as a whole is for who is given all.
    "certificates": f"thumbprint IN (SELECT encrypt_with FROM main.profiles WHERE instance IN ({_MINE}) UNION ALL "
    "SELECT thumbprint FROM main.backup_sets WHERE thumbprint IS NOT NULL AND replaced_at IS NULL AND instance IN "
    f"({_MINE}) UNION ALL SELECT thumbprint FROM main.server_certificates WHERE instance IN ({_MINE}))",
    # What was settled when it was written (`audit_scope`): a name alone may have been another's.
    "audit": f"EXISTS (SELECT 1 FROM main.audit_instances WHERE entry = id AND instance IN ({_MINE}))",
}


def conditions() -> dict[str, str]:
    """Return what holds of the rows that are seen, by table; those of `EVERYBODYS` are not among them."""
    by_instance = f"instance IN ({_MINE})"
    conditions = {name: by_instance for name, table in metadata.tables.items() if "instance" in table.columns}
    return conditions | _CONDITIONS


def narrow(connection: Connection, instances: Collection[str]) -> None:
    """Let a connection that only reads see nothing but what belongs to these instances, until its transaction ends."""
    run = connection.exec_driver_sql
    run("CREATE TEMPORARY TABLE visible_instances (instance TEXT PRIMARY KEY)")
    if instances:
        run("INSERT INTO temp.visible_instances VALUES (?)", [(name,) for name in sorted(instances)])
    for table, condition in conditions().items():
        # Names of our own schema, and no value among them.
        run(f"CREATE TEMPORARY VIEW {table} AS SELECT one.* FROM main.{table} AS one WHERE {condition}")
