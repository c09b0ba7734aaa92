"""No secret leaves the process that was given it: real commands with planted secrets, and all that they print, write and start.

The environment of a process (/proc/PID/environ) holds what was put there and can be read by its own user alone: it is not searched.
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganray.errors import StorageError
from ganray.images.credentials import Signer
from ganray.storage import open_store
from tests.tools.commands import ROOT, start_command
from tests.tools.jobs import put_photos
from tests.tools.models import save_untrained_model

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDKEY000001",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+key/0123456789abcdefghijk",
    "AWS_SESSION_TOKEN": "planted-session-token-0123456789",
    "RAY_AUTH_TOKEN": "planted0ray0token0123456789abcdef0123456789",
    "WANDB_API_KEY": "planted0wandb0key00123456789abcdef0123456",
}
PASSWORD = "planted-password"
TRAINING = {
    "kimg": 0.032,
    "batch": 16,
    "threads": 1,
    "checkpoint_kimg": 0.016,
    "grid_kimg": 0.032,
    "model": {"resolution": 32, "widths": [8, 8, 8], "z_dim": 8, "embed_dim": 4},
    "data": {"window": 48},
}


class CommandLines(threading.Thread):
    """The arguments of every process of this machine, looked at again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self._ended = set(), threading.Event()

    def run(self):
        while not self._ended.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:  # it has ended
                    continue

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self._ended.set()
        self.join()


@pytest.fixture
def key_lines(signer, tmp_path):
    """Options of signed labels, and the lines of the private key that must not be found."""
    (tmp_path / "chain.pem").write_bytes(signer.chain)
    (tmp_path / "key.pem").write_bytes(signer.key)
    options = ["--label.chain", tmp_path / "chain.pem", "--label.key", tmp_path / "key.pem"]
    return options, signer.key.splitlines()[1:3]  # the private number; the public one, behind it, is in the chain, too


@pytest.fixture
def run(tmp_path):
    """Run a command with all secrets in its environment; its exit code, and what it printed."""
    outputs = []

    def run(*words, environment=()):
        variables = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), **SECRETS, **dict(environment)}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        with start_command(words, env=variables, cwd=tmp_path) as process:
            output = "".join(process.communicate(280))
        outputs.append(output)
        return process.returncode, output

    run.outputs = outputs
    return run


def leaks(folder, outputs, lines, needles, allowed=()):
    """Where a secret is found: in files below the folder, in outputs, in command lines."""
    files = {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.name not in allowed}
    places = files | {f"output {number}": text.encode() for number, text in enumerate(outputs)} | {repr(line): line for line in lines}
    return [(place, needle) for place, data in places.items() for needle in needles if needle in data]


@pytest.mark.slow
def test_commands_keep_their_secrets(run, tmp_path, seller_photos, key_lines):
    label, private = key_lines
    photos = put_photos(tmp_path / "photos", seller_photos).url
    (tmp_path / "train.yaml").write_text(json.dumps({"train": TRAINING}))
    with CommandLines() as lines:
        assert run("ingest", "--source", "sample:48", "--out", "catalog", "--resolution", "32", "--executor", "local")[0] == 0
        code, output = run("train", "--config", "train.yaml", "--catalog", "catalog", "--out", "model", "--executor", "local")
        assert code == 0, output
        code, output = run("generate", "--model", "model", "--num", "3", "--out", "images", "--executor", "local", *label)
        assert code == 0, output
        code, output = run("edit", "--source", photos, "--edits", "white", "--out", "edited", "--executor", "local", *label)
        assert code == 0, output
    assert len(list((tmp_path / "images" / "images").rglob("*.png"))) == 3
    needles = [secret.encode() for secret in SECRETS.values()] + private
    assert any(b"ganray.images.sandbox" in line or b"tests.tools" in line for line in lines.seen)
    assert leaks(tmp_path, run.outputs, lines.seen, needles, ("key.pem",)) == []


@pytest.fixture
def refusing_store():
    """An S3 endpoint that refuses with what Amazon's answer quotes of a request."""

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            quoted = f"{self.headers.get('authorization')} {self.headers.get('x-amz-security-token')}"
            body = (
                "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message><AWSAccessKeyId>AKIAPLANTEDKEY000001</AWSAccessKeyId>"
                f"<StringToSign>{quoted}</StringToSign></Error>"
            ).encode()
            self.send_response(403)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_PUT = do_POST = do_GET

        def log_message(self, *_):
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("case", ["refused", "unreachable", "in the URL", "broken key"])
def test_errors_keep_secrets(case, run, tmp_path, refusing_store, key_lines):
    port = refusing_store if case == "refused" else 9
    endpoint = {"AWS_ENDPOINT_URL": f"http://user:{PASSWORD}@127.0.0.1:{port}", "AWS_REGION": "us-east-1"}
    words = ["ingest", "--source", "s3://shop/photos", "--out", "catalog", "--executor", "local"]
    allowed = []
    if case == "in the URL":
        words[2] = f"s3://user:{PASSWORD}@shop/photos"
    if case == "broken key":
        (options, private) = key_lines
        (tmp_path / "key.pem").write_bytes((tmp_path / "key.pem").read_bytes().replace(b"BEGIN", b"BEGUN"))
        save_untrained_model(str(tmp_path / "model"), {"category": ("mug",)})
        words = ["generate", "--model", "model", "--num", "1", "--out", "images", "--executor", "local", *options]
        allowed = ["key.pem"]
    else:
        private = []
    code, output = run(*words, environment=endpoint)
    assert code not in (0, 1), output  # an error of ganray's own, no traceback
    assert "Traceback" not in output
    needles = [PASSWORD.encode(), *(secret.encode() for secret in SECRETS.values()), *private]
    assert leaks(tmp_path, run.outputs, [], needles, allowed) == []


@pytest.mark.parametrize("url", [f"s3://user:{PASSWORD}@shop/photos", f"gs://{PASSWORD}@shop/a", f"az://user:{PASSWORD}@shop"])
def test_a_url_holds_no_credentials(url):
    with pytest.raises(StorageError, match="holds credentials") as caught:
        open_store(url)
    assert PASSWORD not in str(caught.value)


def test_a_signer_is_shown_without_its_key():
    """As tracebacks, debuggers and Ray's own messages show it."""
    assert PASSWORD not in repr(Signer(b"chain", PASSWORD.encode()))


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_on_ray_keeps_its_secrets(tmp_path, key_lines):
    """With a cluster of its own, whose logs lie in a folder of this test."""
    label, private = key_lines
    save_untrained_model(str(tmp_path / "model"), {"category": ("mug",)})
    session = Path("/tmp") / f"gs{os.getpid()}"
    session.mkdir()
    try:
        with CommandLines() as lines:
            words = ["generate", "--model", "model", "--num", "3", "--out", "images", "--executor", "ray", "--ray.num-cpus", "2", *label]
            ray = {"RAY_TMPDIR": str(session), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
            command = [sys.executable, ROOT / "jobs" / "generate.py", *words[1:]]  # ray reads RAY_AUTH_MODE when it is imported
            environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **SECRETS, **ray}
            done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280)
            assert done.returncode == 0, done.stdout + done.stderr
        needles = [secret.encode() for secret in SECRETS.values()] + private
        assert any(b"raylet" in line for line in lines.seen)
        assert list(session.rglob("*.out"))
        assert leaks(tmp_path, [done.stdout, done.stderr], lines.seen, needles, ("key.pem",)) == []
        assert leaks(session, [], [], needles) == []
    finally:
        shutil.rmtree(session, ignore_errors=True)


def test_a_planted_secret_would_be_found(tmp_path):
    (tmp_path / "log.txt").write_text("key " + SECRETS["AWS_SECRET_ACCESS_KEY"])
    found = leaks(tmp_path, ["token planted-session-token-0123456789"], [b"ray\0--token\0planted"], [b"planted"])
    assert {place.rpartition("/")[2] for place, _ in found} >= {"log.txt", "output 0"}
    assert len(found) == 3
