"""The audit log: what a line has, and that no disk keeps an answer waiting."""

import errno
import json
import os
import threading

import pytest

from ganray.errors import ConfigError
from ganray.serving import audit as module
from ganray.serving.audit import FIELDS, Audit

ROW = {"time": "2026-11-30T12:00:00.000+00:00", "request": "r1", "key": "shop-a", "tenant": "a", "method": "POST", "route": "/v1/edit"} | {
    "status": 200,
    "model": "0" * 64,
    "images": 1,
    "bytes_in": 10,
    "bytes": 20,
    "ms": 1.5,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "audit.jsonl"


@pytest.fixture
def audit(path):
    opened = Audit(str(path))
    yield opened
    opened.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_a_request(audit, path):
    for number in range(1200):
        audit.write(ROW | {"request": f"r{number}"})
    audit.close()
    assert [line["request"] for line in lines(path)] == [f"r{number}" for number in range(1200)]
    assert lines(path)[0] == ROW | {"request": "r0"} and audit.dropped == 0
    assert path.stat().st_mode & 0o777 & ~0o640 == 0


def test_nothing_but_its_fields_is_written_and_a_value_is_one_short_line(audit, path):
    audit.write(
        ROW | {"title": "a gift for Ann", "attributes": {"a": 1}, "authorization": "gr_x", "pixels": b"\0", "route": "/a\nb" * 1000}
    )
    audit.write({"request": object()})
    audit.close()
    first, second = lines(path)
    assert set(first) == set(ROW) <= set(FIELDS)
    assert first["route"] == ("/a\nb" * 1000)[:200] and second["request"].startswith("<object")


def test_a_file_that_was_moved_away_is_made_anew(path):
    audit = Audit(str(path))
    written = threading.Semaphore(0)
    append = audit._append

    def observed(rows):
        result = append(rows)
        for _ in rows:
            written.release()
        return result

    audit._append = observed

    def write(request):
        audit.write(ROW | {"request": request})
        assert written.acquire(timeout=30)

    write("before")
    path.rename(path.with_suffix(".1"))
    write("after")
    path.unlink()
    write("last")
    audit.close()
    assert [line["request"] for line in lines(path.with_suffix(".1"))] == ["before"]
    assert [line["request"] for line in lines(path)] == ["last"]


def test_a_full_disk_loses_lines_counts_them_and_never_blocks(path, monkeypatch, caplog):
    audit = Audit(str(path))
    full, tried, write = threading.Event(), threading.Semaphore(0), os.write

    def may_be_full(descriptor, data):
        if descriptor != audit._file:
            return write(descriptor, data)
        if full.is_set():
            tried.release()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(module.os, "write", may_be_full)
    full.set()
    for _ in range(3):
        audit.write(ROW)
        assert tried.acquire(timeout=30)
    full.clear()
    audit.write(ROW | {"request": "again"})
    audit.write(ROW | {"request": "more"})
    audit.close()
    assert [(line["request"], line.get("dropped")) for line in lines(path)] == [("again", 3), ("more", None)]
    assert audit.dropped == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"audit: {path}: No space left on device: lines are lost until it can be written"
    ]


def test_a_real_full_disk(caplog):
    audit = Audit("/dev/full")
    audit.write(ROW)
    audit.close()
    assert audit.dropped == 1 and "No space left on device" in caplog.text


def test_a_line_that_was_cut_spoils_no_other(path, monkeypatch):
    audit = Audit(str(path))
    write, cut, tried = os.write, [True], threading.Event()

    def cuts_once(descriptor, data):
        if descriptor == audit._file and cut and cut.pop():
            tried.set()
            return write(descriptor, data[:20])
        return write(descriptor, data)

    monkeypatch.setattr(module.os, "write", cuts_once)
    audit.write(ROW)
    assert tried.wait(30)
    audit.write(ROW | {"request": "whole"})
    audit.close()
    first, second = path.read_text().splitlines()
    assert len(first) == 20 and json.loads(second)["request"] == "whole" and json.loads(second)["dropped"] == audit.dropped == 1


def test_a_disk_that_hangs_keeps_nobody_waiting(path, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 5)
    audit = Audit(str(path))
    entered, leave, append = threading.Event(), threading.Event(), audit._append

    def hangs(rows):
        entered.set()
        leave.wait(60)
        return append(rows)

    audit._append = hangs
    audit.write(ROW)
    assert entered.wait(30)
    for _ in range(100):
        audit.write(ROW)  # returns, or this test hangs
    assert audit.dropped == 95
    audit.close(seconds=0.01)  # gives up
    leave.set()
    audit.close()
    assert sum(1 + line.get("dropped", 0) for line in lines(path)) == 101


def test_processes_share_a_file(path):
    several = [Audit(str(path)) for _ in range(3)]
    for number in range(600):
        several[number % 3].write(ROW | {"request": str(number)})
    for audit in several:
        audit.close()
    assert {line["request"] for line in lines(path)} == {str(number) for number in range(600)}


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"audit: .*/file/audit\.jsonl: .*Name a file that can be written"):
        Audit(str(tmp_path / "file" / "audit.jsonl"))
    with pytest.raises(ConfigError, match="Is a directory"):
        Audit(str(tmp_path))
