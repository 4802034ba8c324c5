"""What an instance is, for people."""

from __future__ import annotations

from pwsops.engines.records import Probe
from pwsops.engines.sqlserver import directory, rights
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.server import Server

NAMES = {12: "2014", 13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}


def probe(link: Link) -> Probe:
    """Reach the instance anew and say what it is."""
    link.forget()
    server = link.server(again=True)
    year = NAMES.get(server.major, "")
    platform = "Linux" if server.flavour == "posix" else "Windows"
    found = rights.look(link)
    facts = {
        "Edition": server.edition,
        "Platform": platform,
        "Service account": server.account or _unknown_account(server),
        "Login": server.login,
        "Driver": link.driver.name,
        "Encrypted": _encryption(link),
        "Server": server.name,
        "Default backup directory": directory.backup_directory(link),
    }
    return Probe(
        reachable=True,
        version=" ".join(part for part in ("SQL Server", year, server.version, server.level) if part),
        path_flavour=server.flavour,
        timezone=server.timezone,
        facts={key: value for key, value in facts.items() if value},
        held_rights=found.held,
        missing_rights=found.missing,
    )


def _unknown_account(server: Server) -> str:
    if server.account_unknown:
        return f"could not be looked up, because {server.account_unknown}"
    return "not visible to this login"


def _encryption(link: Link) -> str:
    options = link.instance.options
    if options.get("encrypt", "yes") == "no":
        return "no"
    checked = "without a look at the certificate" if options.get("trust_server_certificate") else "certificate checked"
    return f"{options.get('encrypt', 'yes')}, {checked}"
