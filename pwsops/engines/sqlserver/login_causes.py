"""What the numbers mean that tell of logins, their rights, and certificates; see `causes`."""

from __future__ import annotations

from collections.abc import Mapping

from pwsops.engines.sqlserver.cause import Cause, busy
from pwsops.errors import (
    CertificateNeeded,
    Conflict,
    InvalidInput,
    LoginRefused,
    MediaError,
)

_NEW_LOGIN = "Then `pwsops instance edit NAME --login NAME --password-stdin` (a profile's own: `pwsops profile edit`)."
_THEN_PROBE = "Then `pwsops instance probe NAME` lets it be used again."

LOGIN_CAUSES: Mapping[int, Cause] = {
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
    916: Cause(
        text="{login} is not a user of {database}",
        step="Map the login to a user in that database, and make that a member of db_backupoperator.",
    ),
    4060: Cause(
        text="{login} cannot open the database it works in",
        step="Check that the database is online and that the login is a user of it.",
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
    17892: Cause(text="a logon trigger refused {login}", step="Ask whoever keeps that trigger."),
    18401: busy("the server is being upgraded", "Wait until that is done."),
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
    33101: Cause(
        text="the server has the certificate, but cannot use its private key: {system}",
        step="Bring the key to it, or put it under the master key; docs/sql-server.md has the statements.",
        kind=CertificateNeeded,
    ),
    33104: Cause(
        text="the certificate may not encrypt backups",
        step="Use one that was made in master and has not expired.",
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
