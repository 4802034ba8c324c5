"""What the server's error numbers mean, in words for an administrator who is not a DBA.

Texts are filled with: `{server}`, `{database}`, `{path}`, `{account}` (what SQL Server runs as), `{login}` (who we are
there), `{thumbprint}` (of a certificate), `{system}` (what its operating system said). Numbers and meanings:
Microsoft's list of database engine errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pwsops.errors import (
    BaseUnusable,
    CertificateNeeded,
    Conflict,
    EngineError,
    InvalidInput,
    LoginRefused,
    MediaError,
    NotFound,
    PwsopsError,
)

WRAPPERS = frozenset({3013, 3041, 3272, 3009, 5069, 3119})
"""They say that something went wrong, not what: the cause is another message."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause and its next step."""

    text: str
    step: str
    kind: type[PwsopsError] = EngineError
    transient: bool = False


def _damaged(text: str) -> Cause:
    return Cause(
        text=text,
        step="Use another backup; if this one was copied here, copy it again. Verify the others of this directory.",
        kind=MediaError,
    )


def _busy(text: str, step: str) -> Cause:
    return Cause(text=text, step=step, transient=True)


_NEW_LOGIN = "Then `pwsops instance edit NAME --login NAME --password-stdin` (a profile's own: `pwsops profile edit`)."
_THEN_PROBE = "Then `pwsops instance probe NAME` lets it be used again."
_FULL_DISK = Cause(text="the disk of {path} is full", step="Free space there, or choose another directory.")
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
    64: _busy("the share of {path} went away", "Check the network between the database server and the share."),
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

_UNREADABLE_DATABASE = Cause(
    text="the server cannot read a file of {database}: {system}",
    step="Keep the older backups. Check the disk, and have DBCC CHECKDB say what is damaged.",
)
_IN_A_GROUP = Cause(
    text="{database} is in an availability group, where it cannot be restored over",
    step="Take it out of the group (ALTER AVAILABILITY GROUP … REMOVE DATABASE), restore it, then add it again.",
)

CAUSES: Mapping[int, Cause] = {
    229: Cause(
        text="{login} may not use an object that this needs",
        step="`pwsops instance probe` lists the missing rights with the statements that give them.",
    ),
    262: Cause(
        text="{login} may not do this in {database}",
        step="Make the login a member of db_backupoperator there (to restore: of the server role dbcreator).",
    ),
    297: Cause(
        text="{login} may not see the server's state",
        step="`pwsops instance probe` lists the missing rights with the statements that give them.",
    ),
    300: Cause(
        text="{login} lacks a right on the server",
        step="`pwsops instance probe` lists the missing rights with the statements that give them.",
    ),
    596: Cause(
        text="somebody on the server (KILL), or a failover, ended our session",
        step="Look into the server's error log for who or what did; then start it again.",
    ),
    605: _UNREADABLE_DATABASE,
    701: _busy("the server has no memory left for it", "Try again when less goes on there; look at what uses it."),
    802: _busy("the server has no memory left for it", "Try again when less goes on there; look at what uses it."),
    823: _UNREADABLE_DATABASE,
    824: _UNREADABLE_DATABASE,
    845: _busy("the server waited too long for a page of {database}", "Try again; look at the load of its disks."),
    847: _busy("the server waited too long for a page of {database}", "Try again; look at the load of its disks."),
    911: Cause(
        text="the database {database} does not exist on {server}",
        step="Check the name; a restore creates one that is gone: do not create it empty first.",
        kind=NotFound,
    ),
    916: Cause(
        text="{login} is not a user of {database}",
        step="Map the login to a user in that database, and make that a member of db_backupoperator.",
    ),
    922: _busy("the database {database} is still being recovered", "Wait until it is online."),
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
    952: _busy("the database {database} is changing its state", "Try again in a moment."),
    976: Cause(
        text="{database} is in an availability group, and this server's copy answers no questions now",
        step="Work on the primary, or wait until this copy is connected and readable.",
    ),
    983: _busy("{database} changes its role in its availability group", "Wait until the failover is over."),
    1101: Cause(text="a file of {database} is full", step="Free space on its disk, or let the file grow."),
    1105: Cause(text="a file of {database} is full", step="Free space on its disk, or let the file grow."),
    1205: _busy(
        "the server ended it to resolve a deadlock", "Try again; if it comes back, look at what else runs at that time."
    ),
    1222: _busy("somebody else holds a lock on {database}", "Try again when whoever holds it is done."),
    1468: _IN_A_GROUP,
    1801: Cause(
        text="the database {database} exists already",
        step="Restore into it, or choose another name.",
        kind=Conflict,
    ),
    1807: _busy(
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
    3021: Cause(text="a backup cannot run inside a transaction", step="Report this: pwsops never opens one."),
    3023: _busy(
        "another backup, or a change to the files, of {database} is going on",
        "Let that end; move this profile to another time if it happens again.",
    ),
    3024: Cause(text="master takes full backups only", step="Take a full backup; switch incremental off."),
    3033: Cause(
        text="{database} is in emergency mode, in which it cannot be backed up",
        step="Look into the server's error log for the cause; restore it from a backup if it cannot be mended.",
    ),
    3035: Cause(
        text="{database} has no full backup that an incremental could build on",
        step="Take a full backup.",
        kind=BaseUnusable,
    ),
    3036: Cause(
        text="{database} is a standby copy, whose restore goes on with every log",
        step="Back up the database that it is a copy of.",
    ),
    3043: Cause(
        text="a page of {database} is damaged: its checksum is wrong",
        step="Keep the older backups, and have DBCC CHECKDB say what is damaged; then restore {database} from a backup "
        "that was taken before.",
    ),
    3049: Cause(
        text="the log of {database} is damaged",
        step="Keep the older backups. Check the disk, and have DBCC CHECKDB say what else is damaged.",
    ),
    3059: Cause(
        text="{database} is a secondary copy of an availability group here, which takes no such backup",
        step="Back it up on the primary server.",
    ),
    3095: Cause(
        text="an encrypted backup cannot be added to {path}, which holds backups already",
        step="Let the profile write a new file each time.",
    ),
    3096: Cause(
        text="the certificate that it is to be encrypted for has expired",
        step="Make a new one in master, and choose it in the profile; old backups need the old one.",
    ),
    3098: Cause(
        text="{path} holds backups of another structure: compressed ones and others do not go into one file",
        step="Choose another name or directory for the backup.",
    ),
    3101: _busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
    3102: _busy("our own connection is in {database}", "Try again."),
    3104: _IN_A_GROUP,
    3108: Cause(
        text="master can be restored only while the server runs in single-user mode",
        step="Start the server with -m on its machine, then run RESTORE DATABASE master … WITH REPLACE with sqlcmd.",
    ),
    3110: Cause(
        text="{login} may not restore {database}",
        step="Make the login its owner, or a member of the server role dbcreator (db_owner is not enough).",
    ),
    3117: Cause(
        text="the incremental does not fit: its full backup was not restored right before it",
        step="Restore the full backup that it was taken on, then the incremental.",
        kind=MediaError,
    ),
    3118: Cause(
        text="{database} does not exist, and only a full backup can make it",
        step="Restore the full backup first, then the incremental.",
        kind=NotFound,
    ),
    3132: Cause(
        text="the backup in {path} is spread over several files, and the server's history does not say which",
        step="Restore it with the tool that took it, giving all of its files.",
        kind=MediaError,
    ),
    3136: Cause(
        text="the incremental does not fit: {database} was restored from another full backup",
        step="Restore the full backup that it was taken on, then the incremental.",
        kind=MediaError,
    ),
    3141: Cause(
        text="the backup is of another database",
        step="Choose a backup of {database}, or restore it into the database that it is of.",
    ),
    3142: Cause(
        text="a file of the backup exists already and belongs to something else",
        step="Free the name of the file, or restore into the database whose file it is.",
    ),
    3147: Cause(text="tempdb cannot be backed up", step="Take it out of the profile: it is made anew at each start."),
    3154: Cause(
        text="the backup is of another database than {database}",
        step="Confirm that {database} may be replaced by it, or choose a backup of {database}.",
    ),
    3156: Cause(
        text="a file of the backup cannot be put where it wants to go",
        step="Check that the directories of the database's files exist and {account} may write there.",
    ),
    3159: Cause(
        text="the end of {database}'s log has not been backed up, and would be lost",
        step="Back up its log first, or confirm that {database} may be replaced.",
    ),
    3167: Cause(
        text="{database} is not in the middle of a restore", step="Restore its full backup first, then the others."
    ),
    3169: Cause(
        text="the backup was taken by a newer version of SQL Server than {server} is",
        step="Restore it on a server of that version or a newer one.",
        kind=MediaError,
    ),
    3176: Cause(
        text="two files of the backup want to go to one place: {system}",
        step="Restore it with a MOVE for each of its files (RESTORE FILELISTONLY names them).",
    ),
    3183: _damaged("{path} has a damaged page"),
    3187: Cause(
        text="the backup in {path} was taken without checksums, so they cannot be checked",
        step="Restore it without that check, or choose a backup that has checksums.",
        kind=MediaError,
    ),
    3189: _damaged("a set in {path} is damaged"),
    3201: Cause(
        text="the server cannot open {path}: {system}",
        step="The path is one on the database server: check it there, and the rights of {account}.",
    ),
    3202: Cause(text="writing {path} failed: {system}", step="Check the disk or the share on the database server."),
    3203: _damaged("reading {path} failed: {system}"),
    3231: Cause(
        text="the backup in {path} is spread over more or fewer files than were given",
        step="Have all its files in place, and restore it with the tool that took it.",
        kind=MediaError,
    ),
    3234: Cause(
        text="the backup has no such file: {system}",
        step="RESTORE FILELISTONLY names the files that it has.",
        kind=MediaError,
    ),
    3241: _damaged("{path} is no backup, or was not finished"),
    3242: _damaged("{path} is no backup of SQL Server"),
    3243: _damaged("{path} was written by a version of SQL Server whose backups {server} cannot read"),
    3254: _damaged("{path} holds nothing"),
    3256: _damaged("the backup in {path} was not finished"),
    3257: Cause(
        text="the disk of {database}'s files has no space for what the backup holds",
        step="Free space there, or move the database's files to a larger disk first.",
    ),
    3266: _damaged("the backup data at the end of {path} is incomplete"),
    3270: _damaged("the files of this backup do not belong together"),
    3271: Cause(text="using {path} failed: {system}", step="Check the disk or the share on the database server."),
    3279: Cause(text="the media is protected by a password", step="Use a backup without one.", kind=MediaError),
    3287: _damaged("{path} holds no readable backup at the position that was asked for"),
    3314: Cause(
        text="the restore stopped while the log was rolled back",
        step="Look into the server's error log; restore an older backup.",
    ),
    3415: Cause(text="{database} cannot be upgraded by {server}", step="Restore it on a newer server."),
    3634: Cause(
        text="the server's operating system said no: {system}",
        step="Check the path on the database server, and the rights of {account}.",
    ),
    3702: _busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
    4030: Cause(
        text="the backup in {path} may not be overwritten yet: it has an expiry date",
        step="Wait until then, delete the file on the server, or choose another directory.",
    ),
    4060: Cause(
        text="{login} cannot open the database it works in",
        step="Check that the database is online and that the login is a user of it.",
    ),
    4208: Cause(
        text="{database} is in the SIMPLE recovery model, which has no log backups",
        step="Take full and incremental backups, or change the recovery model.",
    ),
    4214: Cause(text="{database} has no full backup yet", step="Take a full backup first."),
    4305: Cause(
        text="a log between the backups chosen is missing",
        step="Restore the logs in order, without a gap.",
        kind=MediaError,
    ),
    4319: Cause(
        text="an earlier restore of {database} was interrupted and has to be ended first",
        step="Restore the database again from its full backup.",
    ),
    4335: Cause(
        text="the moment asked for lies before the end of the backup",
        step="Choose an earlier backup, or a later moment.",
    ),
    4318: Cause(
        text="a log between the backups chosen is missing",
        step="Restore the logs in order, without a gap.",
        kind=MediaError,
    ),
    4326: Cause(
        text="the log ends before what {database} holds already",
        step="Choose a log that was taken later.",
        kind=MediaError,
    ),
    5011: Cause(
        text="{login} may not change {database}",
        step="Make the login its owner, or a member of the server role dbcreator (db_owner is not enough to restore).",
    ),
    5030: _busy("the server could not get {database} for itself", "Ask those who work in it to disconnect; try again."),
    5061: _busy("{database} is locked by somebody else", "Ask those who work in it to disconnect; then try again."),
    5052: Cause(
        text="{database} is in a state that does not let this be done: {system}",
        step="Wait until its restore or its recovery is over, or end it; then try again.",
    ),
    5064: _busy(
        "{database} is in single-user mode and somebody else is in it",
        "End that session; then run ALTER DATABASE … SET MULTI_USER.",
    ),
    5070: _busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
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
    8645: _busy("the server waited in vain for memory", "Try again when less goes on there; look at what uses it."),
    8909: _UNREADABLE_DATABASE,
    9002: Cause(
        text="the transaction log that {database} needs is full",
        step="Back up that log, or give it space; log_reuse_wait_desc in sys.databases says what holds it up.",
    ),
    15118: Cause(
        text="the password does not meet the policy of the server's operating system",
        step="Choose a longer one, of letters of both cases, digits and other characters.",
        kind=InvalidInput,
    ),
    15151: Cause(
        text="the certificate (or its database) does not exist or {login} may not use it",
        step="Check its name with `pwsops certificate list`; CONTROL on the certificate is needed.",
    ),
    15208: Cause(
        text="{path} or its key is not there for {account}, or is no certificate with the key that belongs to it",
        step="Check both paths on the database server, and that its account may read them.",
        kind=MediaError,
    ),
    15232: Cause(
        text="the server has this certificate already",
        step="There is nothing left to do: `pwsops certificate list` shows its name.",
        kind=Conflict,
    ),
    15240: Cause(
        text="{account} cannot write {path}, or there is a file of that name already",
        step="Check the directory on the database server and the rights of that account; the server overwrites none.",
    ),
    15247: Cause(
        text="{login} lacks the right for this",
        step="`pwsops instance probe` lists the missing rights with the statements that give them.",
    ),
    15465: Cause(
        text="the password of the private key is wrong",
        step="Give the one that it was saved with; upper and lower case count.",
        kind=InvalidInput,
    ),
    15578: Cause(
        text="master has a master key already",
        step="Leave the password for a new one out.",
        kind=Conflict,
    ),
    15581: Cause(
        text="the server has no master key that would protect private keys, or cannot open it",
        step="Make one in master: CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'a long random text';",
    ),
    17142: _busy("the server is paused", "Continue it in the server's configuration manager."),
    17892: Cause(text="a logon trigger refused {login}", step="Ask whoever keeps that trigger."),
    18401: _busy("the server is being upgraded", "Wait until that is done."),
    18451: Cause(text="the server lets in administrators only", step="Wait until its maintenance is over."),
    18452: Cause(
        text="the server does not trust the service user's domain",
        step="Give a SQL login in the instance's settings, or a Kerberos ticket to the user that pwsops runs as.",
    ),
    18456: Cause(
        text="the server does not accept {login}: name or password is wrong, or there is no such login",
        step="Check both; its error log has the reason. " + _NEW_LOGIN,
        kind=LoginRefused,
    ),
    18461: Cause(text="the server is in single-user mode", step="Wait until its maintenance is over."),
    18470: Cause(
        text="{login} is disabled", step="ALTER LOGIN … ENABLE, or use another login. " + _THEN_PROBE, kind=LoginRefused
    ),
    18486: Cause(
        text="{login} is locked: the password was wrong too often",
        step="ALTER LOGIN … UNLOCK, then check it. " + _THEN_PROBE,
        kind=LoginRefused,
    ),
    18487: Cause(text="the password of {login} has expired", step="Set a new one. " + _NEW_LOGIN, kind=LoginRefused),
    18488: Cause(
        text="the password of {login} has to be changed before first use",
        step="Change it with another tool. " + _NEW_LOGIN,
        kind=LoginRefused,
    ),
    33104: Cause(
        text="the certificate may not encrypt backups",
        step="Use one that was made in master and has not expired.",
    ),
    33101: Cause(
        text="the server has the certificate, but cannot use its private key: {system}",
        step="Bring the key to it, or put it under the master key; docs/sql-server.md has the statements.",
        kind=CertificateNeeded,
    ),
    33111: Cause(
        text="the server does not have the certificate that the backup, or the database in it, is encrypted for "
        "(thumbprint {thumbprint})",
        step="Bring its two files to the server, then import them there: on the page Certificates, or by `pwsops "
        "certificate import-server {server} --certificate FILE --key FILE --password-stdin`.",
        kind=CertificateNeeded,
    ),
    33117: Cause(
        text="this edition of SQL Server cannot open a database that is encrypted as a whole (TDE)",
        step="Restore it on a server of an edition that can.",
    ),
}

NEW_IS_DAMAGED = (
    "What was written a moment ago cannot be read back: check the disk or the share of {path} and the way to it, then "
    "take the backup again. The older backups stay."
)
"""The next step of a backup whose verification fails; for a restore it is another backup."""

WHILE_BACKING_UP: Mapping[int, Cause] = {3203: _UNREADABLE_DATABASE}
"""What means something else while a backup is written: what cannot be read then is the database."""
