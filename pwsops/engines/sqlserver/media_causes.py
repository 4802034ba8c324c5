"""What the numbers mean that backups and restores come to; see `causes`."""

from __future__ import annotations

from collections.abc import Mapping

from pwsops.engines.sqlserver.cause import IN_A_GROUP, Cause, busy, damaged
from pwsops.errors import (
    BaseUnusable,
    MediaError,
    NoSpace,
    NotFound,
)

MEDIA_CAUSES: Mapping[int, Cause] = {
    3021: Cause(text="a backup cannot run inside a transaction", step="Report this: pwsops never opens one."),
    3023: busy(
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
    3101: busy("somebody is working in {database}", "Ask them to disconnect; then try again."),
    3102: busy("our own connection is in {database}", "Try again."),
    3104: IN_A_GROUP,
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
    3183: damaged("{path} has a damaged page"),
    3187: Cause(
        text="the backup in {path} was taken without checksums, so they cannot be checked",
        step="Restore it without that check, or choose a backup that has checksums.",
        kind=MediaError,
    ),
    3189: damaged("a set in {path} is damaged"),
    3201: Cause(
        text="the server cannot open {path}: {system}",
        step="The path is one on the database server: check it there, and the rights of {account}.",
    ),
    3202: Cause(text="writing {path} failed: {system}", step="Check the disk or the share on the database server."),
    3203: damaged("reading {path} failed: {system}"),
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
    3241: damaged("{path} is no backup, or was not finished"),
    3242: damaged("{path} is no backup of SQL Server"),
    3243: damaged("{path} was written by a version of SQL Server whose backups {server} cannot read"),
    3254: damaged("{path} holds nothing"),
    3256: damaged("the backup in {path} was not finished"),
    3257: Cause(
        text="the disk of {database}'s files has no space for what the backup holds",
        step="Free space there, or move the database's files to a larger disk first.",
        kind=NoSpace,
    ),
    3266: damaged("the backup data at the end of {path} is incomplete"),
    3270: damaged("the files of this backup do not belong together"),
    3271: Cause(text="using {path} failed: {system}", step="Check the disk or the share on the database server."),
    3279: Cause(text="the media is protected by a password", step="Use a backup without one.", kind=MediaError),
    3287: damaged("{path} holds no readable backup at the position that was asked for"),
    3314: Cause(
        text="the restore stopped while the log was rolled back",
        step="Look into the server's error log; restore an older backup.",
    ),
    3415: Cause(text="{database} cannot be upgraded by {server}", step="Restore it on a newer server."),
    3634: Cause(
        text="the server's operating system said no: {system}",
        step="Check the path on the database server, and the rights of {account}.",
    ),
    4030: Cause(
        text="the backup in {path} may not be overwritten yet: it has an expiry date",
        step="Wait until then, delete the file on the server, or choose another directory.",
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
}
