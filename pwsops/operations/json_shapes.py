"""Records as JSON. Instants are ISO 8601 in UTC; the keys are a contract with scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pwsops.engines.records import DirectoryEntry, Instance, Probe
from pwsops.messages import readable
from pwsops.operations.certificate_records import CertificateView, ServerCertificateView
from pwsops.operations.people_records import RoleView, TokenView, UserView
from pwsops.operations.records import AuditEntry, Check, DatabaseView, ItemView, ProfileView, RunView, ServiceView
from pwsops.profile import KEEP_COUNTS, WEEKDAYS, BackupProfile
from pwsops.rules import verdict_words
from pwsops.rules.model import BackupSet, Occurrence
from pwsops.rules.restore_outlook import lost

if TYPE_CHECKING:
    from pwsops.catalogue.holds import HoldRow
    from pwsops.operations.audit_log import Verification
    from pwsops.operations.points import PointView
    from pwsops.operations.previews import RestorePreview
    from pwsops.operations.rebuilding import Rebuilt
    from pwsops.operations.retention import SetDecision

Record = Mapping[str, Any]


def iso(instant: datetime | None) -> str | None:
    """Return an instant for machines: ISO 8601, UTC, with its offset."""
    return None if instant is None else instant.astimezone(UTC).isoformat()


def run(view: RunView) -> Record:
    """One run with its items."""
    return {
        "id": view.id,
        "profile": view.profile,
        "due_at": iso(view.due_at),
        "started_at": iso(view.started_at),
        "finished_at": iso(view.finished_at),
        "status": view.status.value,
        "kind": view.kind.value,
        "trigger": view.trigger.value,
        "summary": view.summary,
        "missed_count": view.missed_count,
        "missed_until": iso(view.missed_until),
        "items": [_item(item) for item in view.items],
    }


def _item(view: ItemView) -> Record:
    return {
        "database": view.database,
        "status": view.status.value,
        "kind": view.kind.value if view.kind else None,
        "reason": view.reason,
        "path": view.path,
        "size_bytes": view.size_bytes,
        "error": view.error,
        "hint": view.hint,
        "started_at": iso(view.started_at),
        "finished_at": iso(view.finished_at),
    }


def profile(view: ProfileView) -> Record:
    """One row of the list of profiles."""
    return {
        "id": view.id,
        "name": view.name,
        "instance": view.instance,
        "databases": list(view.databases),
        "directory": view.directory,
        "state": view.state.value,
        "health": view.health.value,
        "schedule": view.schedule,
        "incremental": view.incremental,
        "next_due_at": iso(view.next_due_at),
        "next_kind": view.next_kind.value if view.next_kind else None,
        "last_run": run(view.last_run) if view.last_run else None,
        "running": run(view.running) if view.running else None,
        "failures_in_a_row": view.failures_in_a_row,
        "tripped_at": iso(view.tripped_at),
        "red_databases": list(view.red_databases),
        "broken": view.broken,
    }


def profile_fields(fields: BackupProfile) -> Record:
    """Return what `profile create` would be told to make the same profile."""
    window = None
    if fields.between_from is not None and fields.between_to is not None:
        window = f"{fields.between_from:%H:%M}-{fields.between_to:%H:%M}"
    return {
        "every": f"{fields.every}{fields.unit}",
        "at": f"{fields.at:%H:%M}" if fields.at else None,
        "on": [WEEKDAYS[day] for day in fields.weekdays],
        "between": window,
        "on_day": fields.on_day or None,
        "start": fields.start.isoformat() if fields.start else None,
        "until": fields.until.isoformat() if fields.until else None,
        "timezone": fields.timezone,
        "renew_full": fields.renew_full,
        "timestamp": fields.timestamp,
        "time_limit_h": fields.time_limit_h,
        "login": fields.login or None,
        "encrypt_with": fields.encrypt_with or None,
        "save_certificates": fields.save_certificates,
        "check_structure": fields.check_structure,
        "keep_within": fields.keep_within or None,
        **{key: getattr(fields, key) for key in KEEP_COUNTS},
    }


def occurrence(occurrence: Occurrence) -> Record:
    """One run to come."""
    return {
        "due_at": iso(occurrence.due_at),
        "local": occurrence.local.isoformat(),
        "kind": occurrence.kind.value,
        "shifted": occurrence.shifted,
    }


def backup_set(backup_set: BackupSet) -> Record:
    """One backup in a media file; `base` is the set an incremental rests on."""
    return {
        "position": backup_set.position,
        "database": backup_set.database,
        "kind": backup_set.kind.value,
        "finished_at": iso(backup_set.finished_at),
        "size_bytes": backup_set.size_bytes,
        "base": backup_set.base_id,
        "set_id": backup_set.set_id,
        "thumbprint": backup_set.thumbprint,
        "path": backup_set.path,
    }


def restore_point(view: PointView) -> Record:
    """One moment that can be brought back; `present` and `restorable` are null where nobody could look."""
    return {
        "at": iso(view.at),
        "data_at": iso(view.data_at),
        "kind": view.kind.value,
        "run": view.run,
        "set_id": view.set_id,
        "path": view.path,
        "position": view.position,
        "chain": [one.path for one in view.chain],
        "proven_at": iso(view.proven_at),
        "present": view.present,
        "restorable": view.restorable,
        "why": view.why,
    }


def restore_preview(found: RestorePreview) -> Record:
    """Return what a restore would do; `expected_s` is null where nothing like it was measured."""
    return {
        "instance": found.instance,
        "database": found.database,
        "source": found.source,
        "at": iso(found.at),
        "creates": found.creates,
        "steps": [asdict(step) | {"kind": step.kind.value if step.kind else None} for step in found.steps],
        "obstacle": found.obstacle,
        "unrecorded": found.unrecorded,
        "expected_s": found.expected.seconds,
        "expected_because": found.expected.because,
        "lost_s": found.loss.seconds,
        "lost": lost(found.loss, verdict_words.utc),
        "newest_backup_at": iso(found.loss.newest_backup_at),
        "safety_copy": found.loss.copy_to or None,
    }


def set_decision(one: SetDecision) -> Record:
    """Return what becomes of a backup, and why."""
    return {
        "path": one.path,
        "size_bytes": one.size_bytes,
        "action": one.action.value,
        "reason": one.reason,
        "database": one.database,
        "kind": one.kind.value,
        "finished_at": iso(one.finished_at),
        "set_id": one.set_id,
    }


def hold(one: HoldRow) -> Record:
    """One hold."""
    return asdict(one) | {"until": iso(one.until), "added_at": iso(one.added_at)}


def certificate(view: CertificateView) -> Record:
    """One certificate; most of it is null where it is needed and not in the store."""
    facts = view.facts
    return {
        "name": view.name or None,
        "thumbprint": view.thumbprint,
        "subject": view.subject,
        "held": view.held,
        "purpose": view.purpose.value if view.purpose else None,
        "issuer": facts.issuer if facts else None,
        "serial": facts.serial if facts else None,
        "key_type": facts.key_type if facts else None,
        "key_bits": facts.key_bits if facts else None,
        "signature_hash": facts.signature_hash if facts else None,
        "not_before": iso(view.not_before),
        "not_after": iso(view.not_after),
        "near_expiry": view.near_expiry,
        "may_encrypt": view.may_encrypt,
        "doubts": list(view.doubts),
        "concerns": list(view.concerns) if view.needed_by else [],
        "needed_by": view.needed_by,
        "added_at": iso(view.added_at),
        "saved_at": iso(view.saved_at),
        "exported_at": iso(view.exported_at),
        "escrowed": view.escrowed,
        "instance": view.instance or None,
        **_on_server(view),
    }


def _on_server(view: CertificateView) -> Record:
    """One that a server keeps has these as well; all null for others."""
    on_server = view if isinstance(view, ServerCertificateView) else None
    return {
        "has_private_key": on_server.has_private_key if on_server else None,
        "encrypts_backups": on_server.encrypts_backups if on_server else None,
        "in_store": on_server.in_store if on_server else None,
        "files": list(on_server.files) if on_server else None,
        "seen_at": iso(on_server.seen_at) if on_server else None,
    }


def database(view: DatabaseView) -> Record:
    """One database: whether it is protected, and what would be lost now."""
    verdict = view.verdict
    return {
        "name": view.name,
        "verdict": verdict.protection.value,
        "covered": verdict.covered,
        "since": iso(verdict.since),
        "causes": [finding.cause.value for finding in verdict.findings],
        "why": verdict_words.reasons(verdict, verdict_words.utc),
        "next_step": verdict_words.step(verdict),
        "notes": list(verdict_words.notes(verdict, verdict_words.utc)),
        "checked_at": iso(verdict.checked_at),
        "size_bytes": view.size_bytes,
        "last_full_at": iso(view.last_full_at),
        "last_incremental_at": iso(view.last_incremental_at),
        "exposure_s": view.exposure_s,
        "logs_until": iso(view.logs_until),
        "state": view.state.value,
        "reason": view.reason,
        "profiles": list(view.profiles),
        "warnings": list(view.warnings),
        "foreign_base": view.foreign_base,
    }


def directory_entry(entry: DirectoryEntry) -> Record:
    """One entry of a directory on the server."""
    return asdict(entry) | {"modified_at": iso(entry.modified_at)}


def instance(instance: Instance) -> Record:
    """One instance. Its password is not known here, and its login is no secret."""
    return {
        "name": instance.name,
        "engine": instance.engine,
        "address": instance.address,
        "login": instance.login,
        "options": dict(instance.options),
    }


def probe(name: str, found: Probe) -> Record:
    """Return what an instance says of itself."""
    return {
        "instance": name,
        "reachable": found.reachable,
        "version": found.version,
        "path_flavour": found.path_flavour,
        "timezone": found.timezone,
        "facts": dict(found.facts),
        "held_rights": list(found.held_rights),
        "missing_rights": [vars(right) for right in found.missing_rights],
    }


def service(view: ServiceView) -> Record:
    """Return whether the service runs, and where."""
    return {
        "running": view.running,
        "pid": view.pid,
        "since": iso(view.since),
        "why_not": view.why_not,
        "next_due_at": iso(view.next_due_at),
    }


def user(view: UserView) -> Record:
    """Somebody who signs in by a password."""
    return {"name": view.name, "changed_at": iso(view.changed_at), "second_factor_at": iso(view.second_factor_at)}


def token(view: TokenView) -> Record:
    """Return what a machine has a token for."""
    instances = None if view.instances is None else list(view.instances)
    times = {"created_at": iso(view.created_at), "ends_at": iso(view.ends_at), "ended": view.ended}
    return {"name": view.name, "role": view.role.value, "instances": instances, **times}


def role(view: RoleView) -> Record:
    """Return who may do what, on which instances; null: on all."""
    instances = None if view.instances is None else sorted(view.instances)
    return {"subject": view.subject, "role": view.role.value, "instances": instances}


def audit_entry(entry: AuditEntry) -> Record:
    """One line of the audit log."""
    return asdict(entry) | {"at": iso(entry.at)}


def verification(found: Verification) -> Record:
    """Return what a verification of the audit log found."""
    return {
        "state": found.state.value,
        "entries": found.entries,
        "last": found.last,
        "head": found.head,
        "keyed_from": found.keyed_from,
        "findings": [asdict(finding) | {"kind": finding.kind.value} for finding in found.findings],
        "left_out": found.left_out,
        "sources": dict(found.sources),
        "caveat": found.caveat,
    }


def check(check: Check) -> Record:
    """One finding of the doctor."""
    values = asdict(check)
    del values["unknown"]
    return values | {"state": check.state.value}


def rebuilt(found: Rebuilt) -> Record:
    """One rebuild: what it found, and what it recorded."""
    return {
        "sets_found": found.sets_found,
        "sets_new": found.sets_new,
        "sets_known": found.sets_known,
        "copies": found.copies,
        "others": found.others,
        "of_servers": found.of_servers,
        "conflicts": [{"path": path, "reason": reason} for path, reason in found.conflicts],
        "unreadable": [{"path": readable(path), "reason": reason} for path, reason in found.unread],
        "unassigned": list(found.unassigned),
        "instances": list(found.instances),
        "profiles": list(found.profiles),
        "holds": found.holds,
        "runs": found.runs,
        "missing": list(found.missing),
    }
