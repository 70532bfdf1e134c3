"""What a server of S3 may answer, over real connections: later, full, refused; never a secret."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import re
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestrator.store.files import bucket, bucket_clients
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import Files, FullError, RefusedError, UnreachableError

KEY, SECRET = "AKIDEXAMPLE00000", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"


@dataclass
class Script:
    """What the server answers: to each request the next, and the last one ever after."""

    answers: list[tuple[int, str]] = field(default_factory=lambda: [(200, "")])
    seen: list[tuple[str, str | None]] = field(default_factory=list)  # method, If-None-Match
    headers: dict[str, str] = field(default_factory=dict)  # of the last request
    is_over: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False
    seconds_per_megabyte: float = 0.0
    lost_bytes: int = 0  # promised and not sent
    content: bytes = b"content"  # of what is read or listed
    kind: str = "binary/octet-stream"
    seconds: float = 0.0  # before each answer

    def next(self) -> tuple[int, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def scripts() -> Iterator[list[Script]]:
    """A server that follows the last of these scripts, and an environment that leads to it."""
    scripts = [Script()]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            script = scripts[-1]
            size = int(self.headers.get("Content-Length", 0))
            script.is_over.wait(script.seconds_per_megabyte * size / 1e6)
            self.rfile.read(size)
            script.seen.append((self.command, self.headers.get("If-None-Match")))
            script.headers = dict(self.headers.items())
            script.is_over.wait(script.seconds)
            if script.hangs:
                script.is_over.wait(30)
                self.close_connection = True
                return
            status, code = script.next()
            body = f"<Error><Code>{code}</Code><Message>so</Message>{SECRET}</Error>".encode()
            if status < 300:
                body = script.content if self.command == "GET" else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + script.lost_bytes))
            self.send_header("Content-Type", script.kind)
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = script.lost_bytes > 0

        do_GET = do_PUT = do_DELETE = do_POST = answer  # noqa: N815 (the names that the server looks for)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        TemporaryDirectory() as home,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        lead_to(f"http://127.0.0.1:{server.server_port}", monkeypatch, Path(home))
        monkeypatch.setattr(bucket_clients, "TRIES", 1)
        yield scripts
        server.shutdown()
        thread.join()


@pytest.fixture
def script(scripts: list[Script]) -> Iterator[Script]:
    """What the server does in this test."""
    scripts.append(Script())
    yield scripts[-1]
    scripts[-1].is_over.set()


@pytest.fixture(scope="module")
def files(scripts: list[Script]) -> Files:
    """At that server; a client takes a third of a second to make."""
    return open_files("s3://bucket/some/where")


def lead_to(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


VERBS: dict[str, Callable[[Files], object]] = {
    "read": lambda files: files.read("a/it"),
    "write": lambda files: files.write("a/it", b"new"),
    "create": lambda files: files.create("a/it", b"new"),
    "list": lambda files: files.names("a"),
    "remove": lambda files: files.remove("a/it"),
    "rename": lambda files: files.rename("a/it", "b/it"),
}


@pytest.mark.parametrize(
    ("status", "code", "expected", "said"),
    [
        (500, "InternalError", UnreachableError, "in trouble or busy"),
        (503, "SlowDown", UnreachableError, "in trouble or busy"),
        (503, "ServiceUnavailable", UnreachableError, "in trouble or busy"),
        (429, "TooManyRequests", UnreachableError, "in trouble or busy"),
        (400, "RequestTimeout", UnreachableError, "in trouble or busy"),
        (507, "XMinioStorageFull", FullError, "make room"),
        (403, "QuotaExceeded", FullError, "make room"),
        (404, "NoSuchBucket", RefusedError, "make the bucket"),
        (403, "AccessDenied", RefusedError, "let these keys list the bucket"),
        (403, "InvalidAccessKeyId", RefusedError, "set AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", RefusedError, "set AWS_ACCESS_KEY_ID"),
        (400, "ExpiredToken", RefusedError, "AWS_SESSION_TOKEN"),
        (400, "AuthorizationHeaderMalformed", RefusedError, "set AWS_DEFAULT_REGION"),
        (403, "RequestTimeTooSkewed", RefusedError, "the clock"),
        (501, "NotImplemented", RefusedError, "a server that knows conditional writes"),
        (418, "IAmATeapot", RefusedError, "refuses with 418 IAmATeapot"),
    ],
)
def test_answers_are_told_apart(
    script: Script, files: Files, *, status: int, code: str, expected: type[OSError], said: str
) -> None:
    script.answers = [(status, code)]
    for verb, do in VERBS.items():
        with pytest.raises(expected, match=said) as caught:
            do(files)
        assert f"cannot {verb} s3://bucket/some/where/a" in str(caught.value)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_absent_is_no_error(script: Script, files: Files) -> None:
    script.answers = [(404, "NoSuchKey")]
    assert files.read("a/it") is None
    files.rename("a/it", "b/it")
    assert {method for method, _ in script.seen} == {"GET", "PUT"}  # nothing was deleted


def test_server_that_hangs_is_noticed_in_seconds(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "ANSWER_SECONDS", 0.3)
    script.hangs = True
    with pytest.raises(UnreachableError, match="timeout"):
        open_files("s3://bucket").read("a/it")


def test_answer_that_breaks_off_is_not_taken_for_whole(script: Script, files: Files) -> None:
    script.lost_bytes = 5
    with pytest.raises(UnreachableError, match="AWS_ENDPOINT_URL is right, the server up"):
        files.read("a/it")


@pytest.mark.slow
def test_empty_files_are_looked_at_together_and_once(script: Script) -> None:
    """Each trial has one; a folder that a console made looks alike."""
    rest = "<Size>0</Size><LastModified>2026-11-28T12:00:00Z</LastModified>"
    entries = (f"<Contents><Key>a/{n}</Key>{rest}</Contents>" for n in range(40))
    script.content = f"<ListBucketResult>{''.join(entries)}</ListBucketResult>".encode()
    script.seconds = 0.1
    files = open_files("s3://bucket")
    began = time.monotonic()
    assert files.sizes("a") == {f"a/{n}": 0 for n in range(40)}
    assert time.monotonic() - began < 2.5
    assert len(script.seen) == 41
    assert len(files.sizes("a")) == 40
    assert len(script.seen) == 42


WEB_PAGES = [
    b"<html><body><p>Welcome: sign in</p></body></html>",  # reads as a listing with nothing in it
    b"<!DOCTYPE html><html><head><meta charset=utf-8></head><body>Sign in</body></html>",
    b"Sign in",
    b"",
]


def test_web_page_is_no_empty_listing(script: Script) -> None:
    """As a network asks its users to sign in, or as what listens at a mistyped port shows."""
    files = open_files("s3://bucket/some")
    for script.content in WEB_PAGES:
        for do in (files.names, files.sizes):
            with pytest.raises(RefusedError, match=r"no object store.*AWS_ENDPOINT_") as caught:
                do("a")
            assert str(caught.value).startswith("cannot list s3://bucket/some/a: ")


def test_web_page_is_no_record_to_be_set_aside(script: Script, files: Files) -> None:
    script.content, script.kind = WEB_PAGES[0], "text/html; charset=utf-8"
    with pytest.raises(RefusedError, match=r"cannot read s3://bucket/some/where/a/it\.json: what"):
        files.read("a/it.json")
    assert files.read("a/it.html") == WEB_PAGES[0]


def test_server_is_asked_once_whether_it_knows_what_is_absent(script: Script) -> None:
    script.content = b"<ListBucketResult></ListBucketResult>"
    script.answers = [(200, ""), (404, "NoSuchKey"), (200, "")]
    files = open_files("s3://bucket")
    assert files.names("a") == []
    assert len(script.seen) == 2
    assert (files.sizes("a"), files.names("b")) == ({}, [])
    assert pickle.loads(pickle.dumps(files)).names("c") == []
    assert len(script.seen) == 5


def test_object_of_anothers_that_ends_listings_is_named(script: Script, files: Files) -> None:
    key = "<Key>some/where/a//it\x7f</Key><Size>1</Size>"
    key += "<LastModified>2026-11-28T12:00:00Z</LastModified>"
    script.content = f"<ListBucketResult><Contents>{key}</Contents></ListBucketResult>".encode()
    with pytest.raises(RefusedError, match=r"a//it\\x7f.*remove that object, or give") as caught:
        files.sizes("a")
    assert "AWS_" not in str(caught.value)


def test_server_that_is_not_there_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lead_to("http://127.0.0.1:1", monkeypatch, tmp_path)
    monkeypatch.setattr(bucket_clients, "TRIES", 1)
    with pytest.raises(UnreachableError, match=r"Could not connect.*127\.0\.0\.1:1") as caught:
        open_files("s3://bucket").write("a/it", b"")
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.slow
def test_large_content_may_take_its_time(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow line is none that hangs: more is waited for, the more is sent."""
    monkeypatch.setattr(bucket, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(bucket, "BYTES_PER_SECOND", 1_000_000)
    script.seconds_per_megabyte = 0.5
    files = open_files("s3://bucket")
    files.write("a/it", bytes(4_000_000))
    script.seconds_per_megabyte = 10
    with pytest.raises(UnreachableError, match="timeout"):
        files.write("a/it", bytes(1_000_000))


def test_fork_is_refused_rather_than_left_to_wait_without_end(script: Script, files: Files) -> None:
    assert files.read("a/it") == b"content"
    fork = multiprocessing.get_context("fork")
    said = fork.SimpleQueue()

    def read() -> None:
        try:
            files.read("a/it")
        except RuntimeError as error:
            said.put(str(error))

    process = fork.Process(target=read)
    process.start()
    process.join(30)
    process.kill()
    assert said.get() == (
        "s3://bucket/some/where cannot be used in a fork; start the process by spawn"
    )


# --- Google's buckets, of which there is no server to test against


def test_buckets_of_googles(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = {"gcs_base_url": os.environ["AWS_ENDPOINT_URL"], "disable_oauth": True}
    account |= {"client_email": "", "private_key": "", "private_key_id": ""}
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    files = open_files("gs://bucket/some/where")
    assert files.read("a/it") == b"content"
    script.answers = [(200, ""), (412, "PreconditionFailed"), (200, "")]
    assert files.create("a/it", b"1")
    assert script.headers["x-goog-if-generation-match"] == "0"
    script.answers = [(412, "PreconditionFailed"), (200, "")]
    assert not files.create("a/it", b"1")
    for status, code, error, said in (
        (404, "NoSuchBucket", RefusedError, "cannot read gs://bucket/some/where/a/it: NoSuchBu"),
        (403, "AccessDenied", RefusedError, "let these keys list the bucket"),
        (401, "AuthenticationRequired", RefusedError, "set GOOGLE_APPLICATION_CREDENTIALS"),
        (429, "TooManyRequests", UnreachableError, "in trouble or busy"),
    ):
        script.answers = [(status, code)]
        with pytest.raises(error, match=said):
            files.read("a/it")
    script.answers = [(404, "NoSuchKey")]
    assert files.read("a/it") is None
    files.remove("a/it")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "nowhere.json"))
    with pytest.raises(RefusedError, match=r"nowhere\.json.*set GOOGLE_APPLICATION_CREDENTIALS"):
        open_files("gs://bucket").read("a/it")


# --- conditional writes


def test_conflict_is_asked_again(script: Script, files: Files) -> None:
    script.answers = [(409, "ConditionalRequestConflict")] * 3 + [(412, "PreconditionFailed")]
    script.answers.append((200, ""))  # what reads it: `content` is there
    assert files.create("a/it", b"content")
    assert script.seen == [("PUT", "*")] * 4 + [("GET", None)]


def test_conflict_without_end_is_an_outage(script: Script, files: Files) -> None:
    script.answers = [(409, "ConditionalRequestConflict")]
    with pytest.raises(UnreachableError, match="being changed by others"):
        files.create("a/it", b"content")


def test_lost_race_is_told_by_the_content(script: Script, files: Files) -> None:
    script.answers = [(412, "PreconditionFailed"), (200, "")]
    assert not files.create("a/it", b"another's content")


def test_server_is_asked_once_whether_it_minds_the_condition(script: Script) -> None:
    script.answers = [(200, ""), (412, "PreconditionFailed"), (200, "")]
    files = open_files("s3://bucket")
    assert files.create("a/it", b"1")
    assert len(script.seen) == 2
    assert files.create("a/other", b"1")
    assert pickle.loads(pickle.dumps(files)).create("a/third", b"1")
    assert script.seen == [("PUT", "*")] * 4


def test_server_that_ignores_the_condition_is_refused(script: Script) -> None:
    with pytest.raises(RefusedError, match=r"must refuse a write with If-None-Match: \* where"):
        open_files("s3://bucket").create("a/it", b"1")


# --- keys and URLs


def test_no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lead_to("http://127.0.0.1:1", monkeypatch, tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(RefusedError, match="there are no keys; set AWS_ACCESS_KEY_ID"):
        open_files("s3://bucket").read("a/it")


@pytest.mark.parametrize("endpoint", ["nonsense", f"http://{KEY}:{SECRET[:5]}@127.0.0.1:1"])
def test_endpoint_must_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str
) -> None:
    lead_to(endpoint, monkeypatch, tmp_path)
    with pytest.raises(RefusedError, match="AWS_ENDPOINT_URL must be http://HOST:PORT") as caught:
        open_files("s3://bucket").read("a/it")
    assert KEY not in str(caught.value)


def test_profile_has_keys_and_a_place(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys from a profile's process, which tells when they end, and a token that is another's."""
    answer = {"Version": 1, "AccessKeyId": "AKIDPROFILE", "SecretAccessKey": SECRET}
    answer |= {"SessionToken": "its own", "Expiration": "2126-01-01T00:00:00Z"}
    (tmp_path / "keys.json").write_text(json.dumps(answer))
    config = [
        "[profile lab]",
        f"endpoint_url = {os.environ['AWS_ENDPOINT_URL']}",
        "region = eu-north-1",
        f"credential_process = cat {tmp_path / 'keys.json'}",
    ]
    (tmp_path / "config").write_text("\n".join(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another's")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert open_files("s3://bucket").read("a/it") == b"content"
    assert re.search(r"Credential=AKIDPROFILE/\d+/eu-north-1/s3/", script.headers["authorization"])
    assert script.headers["x-amz-security-token"] == "its own"


@pytest.mark.parametrize(
    ("status", "expected", "said"),
    [
        (403, RefusedError, r"AssumeRole operation.*see the AWS_\* variables and ~/.aws/config"),
        (500, UnreachableError, "no keys now: .*AssumeRole operation.*see that the network is up"),
    ],
)
def test_role_that_is_not_given(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    status: int,
    expected: type[OSError],
    said: str,
) -> None:
    config = ["[profile lab]", "role_arn = arn:aws:iam::123456789012:role/lab"]
    config += ["source_profile = own", "max_attempts = 1", "region = us-east-1"]
    config += ["[profile own]", f"aws_access_key_id = {KEY}", f"aws_secret_access_key = {SECRET}"]
    (tmp_path / "config").write_text("\n".join(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    script.answers = [(status, "AccessDenied")]
    with pytest.raises(expected, match=said):
        open_files("s3://bucket").read("a/it")
    assert [method for method, _ in script.seen[:1]] == ["POST"]


def self_signed(folder: Path) -> Path:
    """A certificate of this machine, signed by itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(
        now + timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, as_text = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, as_text, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.mark.slow
def test_authorities_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        lead_to(f"https://localhost:{server.server_port}", monkeypatch, tmp_path)
        for authorities, said in (
            (
                None,
                r"https://localhost:\d+ has a certificate of no known authority; let AWS_CA_BUN",
            ),
            (certificate, r"the server refuses with 404"),
            (tmp_path / "nowhere.pem", r"AWS_CA_BUNDLE must be a file .*nowhere\.pem"),
        ):
            if authorities:
                monkeypatch.setenv("AWS_CA_BUNDLE", str(authorities))
            with pytest.raises(RefusedError, match=said):
                open_files("s3://bucket").read("a/it")
        server.shutdown()
        thread.join()


def test_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lead_to("http://127.0.0.1:1", monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(RefusedError, match=r"profile \(nobody\) could not be found"):
        open_files("s3://bucket").read("a/it")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://my.bucket-1/a/b c/", "s3://my.bucket-1/a/b c"),
        ("gs://my_bucket/a", "gs://my_bucket/a"),
        ("az://container", "az://container"),
    ],
)
def test_bucket_is_opened_without_asking_anybody(url: str, shown: str) -> None:
    assert open_files(url).url == shown


@pytest.mark.parametrize(
    "url",
    [
        f"s3://{KEY}:{SECRET}@bucket/a",
        f"s3://{KEY}:{SECRET}/bucket",
        f"s3://{SECRET}@bucket",
        f"s3://bucket/a?aws_secret_access_key={SECRET}",
        f"s3://bucket/{SECRET}@x",
    ],
)
def test_secrets_in_a_url_are_refused_and_never_shown(url: str) -> None:
    with pytest.raises(ValueError, match="no keys, port or options in it; set AWS_ACC") as caught:
        open_files(url)
    for part in (KEY, *SECRET.split("/")):
        assert part not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///a", "s3://ab", "s3://My_Bucket/a", "s3://bucket/a//b", "s3://bucket/.."]
)
def test_malformed_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"storage must name a bucket|the prefix of s3://") as said:
        open_files(url)
    assert url in str(said.value)
