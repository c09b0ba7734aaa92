"""The verb `check`: pictures against a marketplace's rules, on all cores of this machine; a report, and requests that mend. Starts no Ray.

Each thread reads from the store and has a child process that decodes (`profiles/checking.py`), so that a file that breaks its decoder is a
finding. Memory does not grow with the sizes of pictures; one line of the report for each is held.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ganray import __version__
from ganray.bulk.photo_names import picture_ids, sku_of
from ganray.config import CheckConfig
from ganray.errors import ImageError, StorageError
from ganray.images.names import NAME_RULE, is_image_name
from ganray.images.sandbox import Sandbox
from ganray.profiles import Profile, profile
from ganray.profiles.checker import LIMITS, label_kept
from ganray.profiles.checking import checked, sandbox
from ganray.profiles.page import Row, render_page
from ganray.profiles.report import Report
from ganray.progress import bar
from ganray.requests import EditRequest
from ganray.storage import Store, open_object, open_store
from ganray.storage.capped import read_capped

WAITING_PER_WORKER = 4  # pictures a worker has waiting
PICTURES_SHOWN = 400  # pictures on the page, those that fail first


@dataclass
class Outcome:
    """The result: `counts` of pictures; by rule those that fail (`by_rule`), get advice, or were not checked; and the URL of the report."""

    profile: Profile
    day: date
    report: str
    counts: Counter[str] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    advice: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    requests: str = ""


def check(config: CheckConfig) -> Outcome:
    """Check all pictures and write report.json, report.html and, with `config.requests`, the requests that mend.

    Raises RequestError for a profile or kind that is unknown, StorageError where there is nothing.

    >>> outcome = ganray.check(ganray.CheckConfig(images="photos", profile="amazon-main", out="check", workers=1))
    >>> outcome.counts["failed"], outcome.by_rule["long_side"]
    (1, 1)
    """
    rules, day = profile(config.profile), date.fromisoformat(config.day) if config.day else date.today()
    rules.on(day, config.kind)
    source, keys = _pictures(config.images)
    out = Outcome(rules, day, open_store(config.out).url_of("report.html"))
    rows: list[Row] = []
    results: list[dict[str, Any]] = []
    photos = open_store(config.photos) if config.photos else None
    with bar("check", len(keys), "img") as progress:
        for key, (report, mend, thumbnail) in zip(keys, _reports(source, keys, config, rules, day, photos), strict=True):
            _count(out, report, mend)
            results.append(_entry(key, report, mend))
            _show(rows, Row(key, report, mend, thumbnail))
            progress.update(1, f"{out.counts['failed']:,} fail")
    _write(config, source, out, results, rows)
    return out


def exit_code(out: Outcome) -> int:
    """0 where all pass, 1 where some do not."""
    return 1 if out.counts["failed"] else 0


def show(out: Outcome) -> str:
    """The summary, as lines."""
    counts = out.counts
    lines = [f"{counts['images']:,} pictures against {out.profile.name} of {out.profile.version}, rules of {out.day}"]
    lines.append(f"{counts['passed']:,} pass, {counts['failed']:,} fail; edits would mend {counts['mendable']:,}")
    for name, by in (("fails", out.by_rule), ("advice", out.advice), ("not checked", out.unchecked)):
        if by:
            lines.append(f"{name}: " + ", ".join(f"{rule} {count:,}" for rule, count in by.most_common()))
    lines.append(f"report: {out.report}")
    if out.requests:
        lines.append(f"requests: {out.requests} (ganray edit --requests {out.requests} mends them)")
    return "\n".join(lines)


def _pictures(url: str) -> tuple[Store, list[str]]:
    """The store of a prefix and the keys of its pictures; or of one object's folder, and that object."""
    store = open_store(url)
    keys = [info.key for info in store.list() if is_image_name(info.key)]
    if not keys:
        store, key = open_object(url)
        if not key or not store.exists(key):
            raise StorageError(f"{url} has no pictures", f"Give a prefix or a file: {NAME_RULE}")
        keys = [key]
    return store, keys


def _reports(
    source: Store, keys: list[str], config: CheckConfig, known: Profile, day: date, photos: Store | None
) -> Iterator[tuple[Report, list[str], bytes]]:
    """The report of each key, in order; the next ones are computed ahead."""
    local, children = threading.local(), list[Sandbox]()
    originals = _originals(photos) if photos is not None else {}

    def work(key: str) -> tuple[Report, list[str], bytes]:
        if not hasattr(local, "child"):
            local.child = sandbox(known, config.profile, day, config.kind, config.max_pixels)
            children.append(local.child)
        try:
            data = read_capped(source, key, LIMITS.max_bytes)
            original = originals.get(_stem(key))
            photo = photos.get(original) if photos is not None and original is not None else None
            (answer,) = local.child.map([data])
        except (ImageError, StorageError) as error:
            return checked(error if isinstance(error, ImageError) else ImageError("unreadable", str(error)), known, day, config.kind)
        report, mend, thumbnail = checked(answer, known, day, config.kind)
        if photo is not None and not isinstance(answer, ImageError):
            kept = label_kept(known.on(day, config.kind), data, photo)
            report = report.model_copy(update={"findings": (*report.findings, kept)})
            mend = mend if kept.ok else []
        return report, mend, thumbnail

    workers = config.workers or len(os.sched_getaffinity(0))
    waiting: deque[Future[tuple[Report, list[str], bytes]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for key in keys:
                waiting.append(pool.submit(work, key))
                if len(waiting) >= WAITING_PER_WORKER * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            for child in children:
                child.close()


def _originals(photos: Store) -> dict[str, str]:
    """The photos' keys by their names without suffix: an edited picture may have another format."""
    return {_stem(info.key): info.key for info in photos.list() if is_image_name(info.key)}


def _stem(key: str) -> str:
    return key.rpartition(".")[0] or key


def _count(out: Outcome, report: Report, mend: list[str]) -> None:
    out.counts["images"] += 1
    out.counts["passed" if report.passed else "failed"] += 1
    out.counts["mendable"] += bool(mend and not report.passed)
    out.by_rule.update(finding.rule for finding in report.failed)
    out.unchecked.update(finding.rule for finding in report.unchecked)
    out.advice.update(finding.rule for finding in report.advice)


def _entry(key: str, report: Report, mend: list[str]) -> dict[str, Any]:
    """A picture in report.json: findings in full, failures first, and the names of the rules that hold."""
    broken = [finding.model_dump(mode="json", exclude_defaults=True) for finding in (*report.failed, *report.advice)]
    holds = [finding.rule for finding in report.findings if finding.ok]
    unchecked = {finding.rule: finding.found for finding in report.unchecked}
    facts = {"passed": report.passed, "width": report.width, "height": report.height, "product": report.product}
    rules = {"findings": broken, "holds": holds, "not_checked": unchecked}
    return {"sku": sku_of(key), "image": key, **facts, **rules, "mend": mend}


def _show(rows: list[Row], row: Row) -> None:
    """Keep the rows of the page: the first pictures that fail, and the first ones that pass while there is room."""
    if len(rows) < PICTURES_SHOWN:
        rows.append(row)
    elif not row.report.passed:
        passed = next((place for place in range(len(rows) - 1, -1, -1) if rows[place].report.passed), None)
        if passed is not None:
            rows[passed] = row


def _write(config: CheckConfig, source: Store, out: Outcome, results: list[dict[str, Any]], rows: list[Row]) -> None:
    store = open_store(config.out)
    summary = {
        "format": 1,
        "software": __version__,
        "images": source.url,
        "profile": out.profile.name,
        "version": out.profile.version.isoformat(),
        "source": out.profile.source,
        "evidence": out.profile.evidence,
        "by_eye": list(out.profile.rules.by_eye),
        "day": out.day.isoformat(),
        "kind": config.kind,
        "counts": dict(out.counts),
        "fails": dict(out.by_rule.most_common()),
        "advice": dict(out.advice.most_common()),
        "not_checked": dict(out.unchecked.most_common()),
    }
    store.put("report.json", json.dumps(summary | {"results": results}, indent=1, ensure_ascii=False).encode())
    rows.sort(key=lambda row: row.report.passed)
    store.put("report.html", render_page(summary, rows).encode())
    if config.requests:
        target, key = open_object(config.requests)
        lines = [request.model_dump_json(exclude_defaults=True) for request in _requests(results)]
        target.put(key, "".join(f"{line}\n" for line in lines).encode())
        out.requests = config.requests


def _requests(results: list[dict[str, Any]]) -> Iterator[EditRequest]:
    """An edit request for each picture that fails and that edits can mend."""
    for entry, id in zip(results, picture_ids([entry["image"] for entry in results]), strict=True):
        if entry["mend"] and not entry["passed"]:
            yield EditRequest(id=id, image=entry["image"], edits=tuple(entry["mend"]))
