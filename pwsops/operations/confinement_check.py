"""What `doctor` says of the walls around processes that read foreign files (ADR 28)."""

from __future__ import annotations

from pwsops import confinement, system_calls
from pwsops.operations.records import Check


def confinement_check() -> Check:
    """Return what processes that read foreign files give up here, and what they keep."""
    return _check(confinement.abi(), filters=system_calls.known())


def _check(version: int, *, filters: bool) -> Check:
    given_up, kept, next_steps = [], [], []
    if version:
        given_up.append(f"all directories but those they need (Landlock {version})")
    else:
        kept.append("this system has no Landlock: they may read and write what the service's user may")
        next_steps.append(
            "Linux 5.13 or newer has Landlock, where `landlock` stands in /sys/kernel/security/lsm (the kernel's "
            "option lsm=)."
        )
    if filters:
        given_up.append("sockets, programs and other processes (seccomp)")
    else:
        kept.append(_without_filter(version))
        next_steps.append("A Linux kernel with CONFIG_SECCOMP_FILTER has the filter, on x86_64 and aarch64.")
    if kept:
        next_steps.append("Until then let nobody whom you do not trust write beside databases and backups.")
    parts = [f"processes that read foreign files give up {' and '.join(given_up)}"] if given_up else []
    return Check(name="Confinement", ok=True, finding="; ".join([*parts, *kept]), next_step=" ".join(next_steps))


def _without_filter(version: int) -> str:
    why = "there is no filter for system calls here (seccomp, or this kind of processor)"
    if not version:
        return f"{why}: they may use the network and run programs"
    rest = "UDP and Unix sockets" if version >= confinement.NETWORK_ABI else "the network"
    return f"{why}: Landlock refuses programs, but {rest} they may use"
