"""The one door: every use case, by noun. Pages, command line and notebooks call this and nothing lower."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import platformdirs
import structlog

from pwsops import logs, private
from pwsops.catalogue.audit import SERVICE
from pwsops.clock import Clock, SystemClock
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations import handed_key
from pwsops.operations.access import Context
from pwsops.operations.account import Account
from pwsops.operations.audit_log import AuditLog
from pwsops.operations.calendar import Calendar
from pwsops.operations.certificates import Certificates
from pwsops.operations.changes import Changes
from pwsops.operations.core import Core
from pwsops.operations.databases import Databases
from pwsops.operations.doctor import examine, examine_closed
from pwsops.operations.drills import Drills
from pwsops.operations.history import History
from pwsops.operations.holds import Holds
from pwsops.operations.instances import Instances
from pwsops.operations.key import HomeKey
from pwsops.operations.media import Media
from pwsops.operations.people import People
from pwsops.operations.profiles import Profiles
from pwsops.operations.rebuilding import Rebuilt, Tell, rebuild
from pwsops.operations.records import Check
from pwsops.operations.reports import Reports
from pwsops.operations.restore_points import RestorePoints
from pwsops.operations.restores import Restores
from pwsops.operations.retention import Retentions
from pwsops.operations.rights import check_declared, needs, on_everything
from pwsops.operations.roles import Roles
from pwsops.operations.runs import Runs
from pwsops.operations.samples import Samples
from pwsops.operations.service import ServiceControl
from pwsops.operations.settings import Settings
from pwsops.rules.rights import Principal, Right, Role, Way

__all__ = ["Operations", "Principal", "Right", "Role", "Way", "default_home", "examine_home", "open_operations"]

HOME_VARIABLE = "PWSOPS_HOME"
_log = structlog.get_logger(__name__)


class Operations:
    """Everything that can be done on one home, as one person.

    Parameters
    ----------
    core
        What the operations of this process share; `open_operations` makes it.
    who
        Who asks, as of now; asked at the beginning of each operation.
    """

    def __init__(self, core: Core, who: Callable[[], Principal]) -> None:
        context = Context(core=core, who=who)
        self._core = core
        self._context = context
        self.home = core.home
        self.mended = core.mended
        self.settings = Settings(context)
        self.instances = Instances(context)
        self.databases = Databases(context)
        self.runs = Runs(context)
        self.history = History(context)
        self.calendar = Calendar(context)
        self.reports = Reports(context)
        self.profiles = Profiles(context)
        self.media = Media(context)
        self.retention = Retentions(context)
        self.holds = Holds(context)
        self.certificates = Certificates(context)
        self.restores = Restores(context)
        self.drills = Drills(context)
        self.points = RestorePoints(context)
        self.service = ServiceControl(context)
        self.samples = Samples(context)
        self.audit = AuditLog(context)
        self.key = HomeKey(context)
        self.people = People(context)
        self.account = Account(context)
        self.roles = Roles(context)
        self.changes = Changes(context)
        for noun in vars(self).values():
            if isinstance(getattr(noun, "_context", None), Context):
                check_declared(type(noun))

    @property
    def principal(self) -> Principal:
        """Who asks, and what they may do, as of now; raises `Denied` where they may ask nothing any more."""
        return self._context.principal

    @needs(Right.HOST, "act for somebody else")
    def acting_as(self, who: Callable[[], Principal]) -> Operations:
        """Return the same operations for somebody else; they share one process's core.

        Parameters
        ----------
        who
            Returns who asks, as of now. It is called again at each operation, so that a session that ended, or a role
            that changed, counts at once; it raises `Denied` when nothing may be asked any more.
        """
        return Operations(self._core, who)

    @needs(Right.HOST, "examine the installation")
    def doctor(self) -> list[Check]:
        """Look at what is installed, reachable and writable, and say what to do about what is not."""
        return examine(self._core)

    @needs(Right.CONNECT, "rebuild the catalogue", on_everything)
    def rebuild(
        self,
        directories: Sequence[str],
        *,
        instance: str | None = None,
        address: str | None = None,
        tell: Tell = lambda what, done, total: None,
    ) -> Rebuilt:
        """Record the backups that lie in directories, or that a server remembers; what is known stays as it is.

        Nothing is written there. What was interrupted is gone on with by doing it again. What the lost home said of its
        profiles beside their backups is taken over; of what a server wrote itself nothing is there but its own history.

        Parameters
        ----------
        directories
            Absolute paths of this machine; all below them is looked at, and no link is followed. Of a server: which of
            the backups that it remembers; none: all.
        instance
            Of which instance the backups are where nothing tells; made where it is not there. A server is asked itself.
        address
            The directory of its databases, if it is made; None: an empty one in the home.
        tell
            Is given what is being done, and how many files of how many are done.

        Raises
        ------
        InvalidInput
            For a path that is not absolute, and for an instance that cannot be.
        Refused
            For the home itself.
        """
        return rebuild(self._context, directories, instance=instance, address=address, tell=tell)

    @needs(Right.HOST, "close the home")
    def close(self) -> None:
        """Stop this process's part in the scheduling and its restores, and let go of every file."""
        self._core.close()


check_declared(Operations, besides="principal")


def open_operations(home: Path | None = None, *, actor: str | None = None, clock: Clock | None = None) -> Operations:
    """Open a home, as a user of this machine: whoever can read and write it may do everything.

    Parameters
    ----------
    home
        Its directory; None takes `default_home()`. Made when it does not exist.
    actor
        Whose name goes into the audit log; None takes the operating system's, which is recorded beside any other.
    clock
        The time.

    Raises
    ------
    InvalidInput
        The actor's name is one that somebody else's acts are recorded under.
    """
    if actor is not None:
        _refuse_other_s(actor)
    home = (home or default_home()).expanduser().absolute()
    private.make_home(home)
    mended = private.mend(home)
    logs.configure(home)
    handed_key.take()
    for each in mended:
        _log.warning("a file of the home was made private", finding=each)
    core = Core(home, clock=clock or SystemClock(), mended=mended)
    user = _user()
    principal = Principal(name=actor or user, way=Way.HOST, system_user=user)
    return Operations(core, lambda: principal)


def examine_home(home: Path) -> list[Check]:
    """Look at a home as `Operations.doctor` does, also where it cannot be opened: then that is a finding."""
    try:
        operations = open_operations(home)
    except PwsopsError as error:
        return examine_closed(home, error)
    except OSError as error:
        step = "Give this user the right to read and write in the home, or choose another one with --home."
        return examine_closed(home, PwsopsError(f"The home {home} cannot be opened: {error}.", hint=step))
    try:
        return operations.doctor()
    finally:
        operations.close()


def default_home() -> Path:
    """Return `PWSOPS_HOME`, or the platform's data directory."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("pwsops", appauthor=False))


def _refuse_other_s(actor: str) -> None:
    if ":" in actor or actor.casefold() == SERVICE:
        raise InvalidInput(
            f"Nobody at the machine can act as {actor!r}: the audit log has the service, people who sign in and tokens "
            "under such names.",
            hint="Take a name without a colon.",
        )


def _user() -> str:
    """Return the name of the user whose process this is; not what its environment claims, where the system tells."""
    try:
        import pwd
    except ImportError:  # not on Windows
        return getpass.getuser()
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
