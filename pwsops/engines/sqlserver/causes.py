"""What the server's error numbers mean, in words for an administrator who is not a DBA.

Texts are filled with: `{server}`, `{database}`, `{path}`, `{account}` (what SQL Server runs as), `{login}` (who we are
there), `{thumbprint}` (of a certificate), `{system}` (what its operating system said). Numbers and meanings:
Microsoft's list of database engine errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from pwsops.engines.sqlserver.cause import IN_A_GROUP, UNREADABLE_DATABASE, Cause, busy
from pwsops.engines.sqlserver.login_causes import LOGIN_CAUSES
from pwsops.engines.sqlserver.media_causes import MEDIA_CAUSES
from pwsops.errors import Conflict, NoSpace, NotFound

WRAPPERS = frozenset({3013, 3041, 3272, 3009, 5069, 3119})
"""They say that something went wrong, not what: the cause is another message."""

_FULL_DISK = Cause(
    text="the disk of {path} is full", step="Free space there, or choose another directory.", kind=NoSpace
)
_FULL_FILE = Cause(
    text="a file of {database} is full", step="Free space on its disk, or let the file grow.", kind=NoSpace
)
_MAY_NOT_WRITE = "Give that account the right to write in the directory, or choose a directory where it has it."

SYSTEM_ERRORS: Mapping[int, Cause] = {
    2: Cause(
        text="{path} does not exist for the database server",
        step="The path is one on the database server: check it there, or choose another one.",
    ),
    3: Cause(
        text="the directory of {path} does not exist on the database server",
        step="Create it on the database server, or choose another directory.",
    ),
    5: Cause(text="{account} may not read or write {path}", step=_MAY_NOT_WRITE),
    19: Cause(text="{path} is write-protected", step="Choose another directory."),
    21: Cause(text="the device of {path} is not ready", step="Check the disk on the database server."),
    32: Cause(
        text="{path} is in use by another program on the database server",
        step="Let that program (a copy, a virus scanner, another backup) finish, then try again.",
    ),
    53: Cause(
        text="the database server does not reach the share of {path}",
        step="Check the share's name and that the database server may reach it over the network.",
    ),
    64: busy("the share of {path} went away", "Check the network between the database server and the share."),
    67: Cause(
        text="there is no share of the name in {path}",
        step="Check the share's name on the machine that offers it.",
    ),
    112: _FULL_DISK,
    1117: Cause(
        text="the device of {path} failed while it was used",
        step="Check the disk and its controller on the database server; its system log says more.",
    ),
    1326: Cause(
        text="the share of {path} does not accept {account}",
        step="Give that account (or the computer's own account) access to the share.",
    ),
}
"""By the number in "Operating system error"; SQL Server on Linux gives Windows' numbers too."""

CAUSES: Mapping[int, Cause] = {
    **MEDIA_CAUSES,
    **LOGIN_CAUSES,
    596: Cause(
        text="somebody on the server (KILL), or a failover, ended our session",
        step="Look into the server's error log for who or what did; then start it again.",
    ),
    605: UNREADABLE_DATABASE,
    701: busy("the server has no memory left for it", "Try again when less goes on there; look at what uses it."),
    802: busy("the server has no memory left for it", "Try again when less goes on there; look at what uses it."),
    823: UNREADABLE_DATABASE,
    824: UNREADABLE_DATABASE,
    845: busy("the server waited too long for a page of {database}", "Try again; look at the load of its disks."),
    847: busy("the server waited too long for a page of {database}", "Try again; look at the load of its disks."),
    911: Cause(
        text="the database {database} does not exist on {server}",
        step="Check the name; a restore creates one that is gone: do not create it empty first.",
        kind=NotFound,
    ),
    922: busy("the database {database} is still being recovered", "Wait until it is online."),
    924: Cause(
        text="the database {database} is in single-user mode and somebody else is in it",
        step="End that session, or let it finish; then set the database to MULTI_USER.",
    ),
    926: Cause(
        text="the database {database} is marked as suspect",
        step="Look into the server's error log for the cause; restore it from a backup if it cannot be mended.",
    ),
    927: Cause(
        text="the database {database} is in the middle of a restore",
        step="Finish the restore: restore its backups again, or recover it with RESTORE DATABASE … WITH RECOVERY.",
    ),
    942: Cause(
        text="the database {database} is offline",
        step="Bring it online (ALTER DATABASE … SET ONLINE), or take it out of the profile.",
    ),
    945: Cause(
        text="the database {database} cannot be opened: files are missing, or memory or disk space is",
        step="Look into the server's error log; restore it from a backup if its files are lost.",
    ),
    952: busy("the database {database} is changing its state", "Try again in a moment."),
    976: Cause(
        text="{database} is in an availability group, and this server's copy answers no questions now",
        step="Work on the primary, or wait until this copy is connected and readable.",
    ),
    983: busy("{database} changes its role in its availability group", "Wait until the failover is over."),
    1101: Cause(
        text="a file of {database} is full", step="Free space on its disk, or let the file grow.", kind=NoSpace
    ),
    1105: Cause(
        text="a file of {database} is full", step="Free space on its disk, or let the file grow.", kind=NoSpace
    ),
    1205: busy(
        "the server ended it to resolve a deadlock", "Try again; if it comes back, look at what else runs at that time."
    ),
    1222: busy("somebody else holds a lock on {database}", "Try again when whoever holds it is done."),
    1468: IN_A_GROUP,
    1801: Cause(
        text="the database {database} exists already",
        step="Restore into it, or choose another name.",
        kind=Conflict,
    ),
    1807: busy(
        "the server could not have model for itself, from which it makes new databases",
        "Have whoever works in the database model disconnect; then try again.",
    ),
    1834: Cause(
        text="a file that the backup wants to write belongs to another database",
        step="Restore into the database whose files these are, or free the name of the file.",
    ),
    1844: Cause(
        text="this edition of SQL Server cannot compress backups",
        step="Switch compression off: `pwsops instance edit NAME --option compress=false`.",
    ),
    3702: busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
    5011: Cause(
        text="{login} may not change {database}",
        step="Make the login its owner, or a member of the server role dbcreator (db_owner is not enough to restore).",
    ),
    5030: busy("the server could not get {database} for itself", "Ask those who work in it to disconnect; try again."),
    5061: busy("{database} is locked by somebody else", "Ask those who work in it to disconnect; then try again."),
    5052: Cause(
        text="{database} is in a state that does not let this be done: {system}",
        step="Wait until its restore or its recovery is over, or end it; then try again.",
    ),
    5064: busy(
        "{database} is in single-user mode and somebody else is in it",
        "End that session; then run ALTER DATABASE … SET MULTI_USER.",
    ),
    5070: busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
    5094: Cause(
        text="{database} has a database snapshot, or is being checked",
        step="Drop its snapshots, or wait until DBCC CHECKDB is through.",
    ),
    5120: Cause(
        text="the server cannot open {path}: {system}",
        step="Check that the file is there, and the rights of {account}.",
    ),
    5123: Cause(
        text="the server cannot create a file of {database}: {system}",
        step="Check the directory of the database's files, and the rights of {account} there.",
    ),
    5149: Cause(
        text="a file of {database} could not be made larger: {system}",
        step="Free space on its disk; then try again.",
    ),
    5170: Cause(
        text="the server cannot create a file of {database}, because there is one of that name: {system}",
        step="Look at it on the server, and move it away if nobody needs it; then try again.",
    ),
    5133: Cause(
        text="the directory for the database's files does not exist: {system}",
        step="Check the server's default data and log directories.",
    ),
    8645: busy("the server waited in vain for memory", "Try again when less goes on there; look at what uses it."),
    8909: UNREADABLE_DATABASE,
    9002: Cause(
        text="the transaction log that {database} needs is full",
        step="Back up that log, or give it space; log_reuse_wait_desc in sys.databases says what holds it up.",
    ),
    17142: busy("the server is paused", "Continue it in the server's configuration manager."),
}

NEW_IS_DAMAGED = (
    "What was written a moment ago cannot be read back: check the disk or the share of {path} and the way to it, then "
    "take the backup again. The older backups stay."
)
"""The next step of a backup whose verification fails; for a restore it is another backup."""

WHILE_BACKING_UP: Mapping[int, Cause] = {3203: UNREADABLE_DATABASE}
"""What means something else while a backup is written: what cannot be read then is the database."""
