"""The nightly ingest: units that systemd accepts, a line that cron accepts, a loop that stops when told to."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schedule
from pipeline.errors import Fatal, UsageError
from pipeline.schedule import Night

ODD = "it's 100% \"odd\" $HOME; `x` {a,b} über #1 \\ *"
PATHS = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1)


def night(*command: str, folder: Path = Path("/tmp")) -> Night:
    return Night("wunderkammer-test", "a test of 100%", 2, 5, folder, command or ("/bin/true",))


def unquoted(line: str) -> list[str]:
    """What systemd makes of the words of an ExecStart (systemd.service and systemd.unit, manual section 5)."""
    words = re.findall(r'"((?:\\.|[^"\\])*)"', line.removeprefix("ExecStart=:"))
    return [re.sub(r'\\(["\\])', r"\1", word.replace("%%", "%")) for word in words]


# times


@pytest.mark.parametrize(("at", "expected"), [("02:00", (2, 0)), ("2:00", (2, 0)), ("23:59", (23, 59))])
def test_a_time_is_hours_and_minutes(at: str, expected: tuple[int, int]) -> None:
    assert schedule.clock(at) == expected


@pytest.mark.parametrize("at", ["", "24:00", "2", "02:60", "2 am", "02:00:00", "-1:00", "٠٢:٠٠", "02:00\n"])
def test_what_is_no_time_is_refused_in_a_sentence(at: str) -> None:
    with pytest.raises(UsageError, match="is not a time of day: write it as HH:MM, such as 02:00"):
        schedule.clock(at)


@given(now=st.datetimes(timezones=st.just(UTC)), hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_the_next_run_lies_ahead_and_within_a_day(now: datetime, hour: int, minute: int) -> None:
    if now.year == 9999:
        return
    due = schedule.next_run(now, hour, minute)
    assert now < due <= now + timedelta(days=1)
    assert (due.hour, due.minute, due.second) == (hour, minute, 0)


# units and crontab lines


def test_a_plan_is_absolute_and_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = schedule.plan(Path("skulls.yaml"), "02:00", "data")
    assert one.command[1:] == ("ingest", str(tmp_path / "skulls.yaml"), "--root", str(tmp_path / "data"))
    assert Path(one.command[0]).is_absolute()
    assert one.folder == tmp_path
    assert re.fullmatch(r"wunderkammer-skulls-[0-9a-f]{8}", one.name)
    assert schedule.plan(Path("skulls.yaml"), "03:00", "data").name == one.name
    assert schedule.plan(Path("skulls.yaml"), "02:00", "s3://bucket/x").name != one.name
    assert schedule.plan(Path("sub/skulls.yaml"), "02:00", "data").name != one.name
    assert schedule.plan(Path("a.yaml"), "02:00", "s3://bucket/x").command[-1] == "s3://bucket/x"


@pytest.mark.parametrize("name", ["two\nlines.yaml", "\x07bell.yaml", "end\\", "end ", "\udcff.yaml"])
def test_a_name_that_no_unit_can_hold_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="has characters that a schedule cannot hold: move or rename it"):
        schedule.plan(Path(name), "02:00", "data")


@given(words=st.lists(PATHS, min_size=1, max_size=4))
def test_systemd_gets_the_words_back(words: list[str]) -> None:
    (line,) = [one for one in schedule.service(night(*words)).splitlines() if one.startswith("ExecStart=")]
    shell = ["/bin/sh", "-c", 'exec "$0" "$@"'] if set(words[0]) & set("\"'\\") else []
    assert unquoted(line) == [*shell, *words]


@given(words=st.lists(PATHS, min_size=1, max_size=4))
def test_cron_gets_the_words_back(words: list[str]) -> None:
    line = schedule.cron(night(*words, folder=Path("/a folder")))
    assert "\n" not in line
    assert not re.search(r"(?<!\\)%", line)
    minute, hour, *every, command = line.split(" ", 5)
    assert (minute, hour, every) == ("5", "2", ["*"] * 3)
    assert shlex.split(command.replace("\\%", "%")) == ["cd", "/a folder", "&&", *words]


def test_the_cron_line_runs_in_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    command = schedule.cron(night("/usr/bin/printf", "%s|%s", ODD, "$HOME", folder=folder)).split(" ", 5)[5]
    done = subprocess.run(["/bin/sh", "-c", command.replace("\\%", "%")], capture_output=True, text=True, check=True)
    assert done.stdout == f"{ODD}|$HOME"


def verify(folder: Path, planned: Night) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    for suffix, text in {".service": schedule.service(planned), ".timer": schedule.timer(planned)}.items():
        (folder / f"{planned.name}{suffix}").write_text(text)
    paths = [str(folder / f"{planned.name}{suffix}") for suffix in (".service", ".timer")]
    return subprocess.run([program, "verify", "--man=no", *paths], capture_output=True, text=True, check=False)


def complaints(done: subprocess.CompletedProcess[str], planned: Night) -> list[str]:
    """What systemd says of our units; it also reads, and may complain of, the machine's own."""
    return [line for line in done.stderr.splitlines() if planned.name in line]


@pytest.mark.parametrize("name", ["plain", "100% $odd place", ODD])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    program = tmp_path / name / "pipeline"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    planned = night(str(program), "ingest", f"/{ODD}/it.yaml", "--root", "/data", folder=program.parent)
    assert complaints(verify(tmp_path, planned), planned) == []


def test_systemd_would_complain(tmp_path: Path) -> None:
    planned = night(str(tmp_path / "missing"))
    assert complaints(verify(tmp_path, planned), planned) != []


def test_the_timer_makes_up_for_missed_nights_and_a_held_lock_is_no_failure() -> None:
    assert "OnCalendar=*-*-* 02:05:00\nPersistent=true\nRandomizedDelaySec=300\n" in schedule.timer(night())
    assert "\nSuccessExitStatus=5\n" in schedule.service(night())
    assert "\nType=oneshot\n" in schedule.service(night())


# installing


def test_without_systemd_the_line_for_cron_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    schedule.schedule(tmp_path / "skulls.yaml", "02:30", str(tmp_path), dry_run=False, echo=said.append)
    text = "\n".join(said)
    assert "crontab -e" in text
    assert re.search(r"^30 2 \* \* \* cd .* && .*pipeline ingest .*skulls\.yaml --root ", text, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named systemctl that writes down how it was called, and the file it writes to."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n[ -z "$REFUSE" ] || {{ echo "no bus" >&2; exit 1; }}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return calls


def test_units_are_written_and_the_timer_is_started(tmp_path: Path, systemctl: Path) -> None:
    said: list[str] = []
    schedule.install(night(), tmp_path / "units", said.append)
    assert (tmp_path / "units" / "wunderkammer-test.service").read_text() == schedule.service(night())
    assert (tmp_path / "units" / "wunderkammer-test.timer").read_text() == schedule.timer(night())
    calls = systemctl.read_text().replace("--user ", "").splitlines()
    assert calls == ["daemon-reload", "enable --now wunderkammer-test.timer"]
    assert "every day at 02:05" in said[0]


@pytest.mark.usefixtures("systemctl")
def test_a_refusal_of_systemd_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUSE", "yes")
    with pytest.raises(Fatal, match=r"daemon-reload` failed \(no bus\)"):
        schedule.install(night(), tmp_path / "units", print)


def test_a_dry_run_shows_the_units_and_writes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "systemd_runs", lambda: True)
    monkeypatch.setattr(schedule, "unit_folder", lambda: tmp_path / "units")
    said: list[str] = []
    schedule.schedule(tmp_path / "skulls.yaml", "02:30", "data", dry_run=True, echo=said.append)
    assert any("OnCalendar=*-*-* 02:30:00" in text for text in said)
    assert not (tmp_path / "units").exists()


# the loop


LOOP = """
    import sys
    from datetime import UTC, datetime, timedelta
    from pipeline.schedule import daily

    start = datetime.now(UTC)
    midnight = datetime(2026, 3, 28, 1, 59, 59, 500000, tzinfo=UTC)

    def now():
        # A day passes in a second: the loop sees 02:00 half a second after it begins, then every second.
        passed = (datetime.now(UTC) - start).total_seconds()
        return midnight + timedelta(seconds=min(passed, 0.6)) + timedelta(days=1) * int(passed)

    sys.exit(daily("02:00", sys.argv[1:], lambda text: print(text, flush=True), now=now))
"""


def loop(*command: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", textwrap.dedent(LOOP), *command]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_the_loop_runs_its_command_and_stops_when_told(tmp_path: Path) -> None:
    child = loop("/bin/sh", "-c", f"echo ran; date +%s%N >> '{tmp_path}/runs'; exit 3")
    assert child.stdout is not None
    assert child.stdout.readline() == "next run at 2026-03-28 02:00 UTC\n"
    assert child.stdout.readline() == "ran\n"
    assert child.stdout.readline() == "run of 2026-03-28 ended with exit code 3\n"
    assert child.stdout.readline().startswith("next run at 2026-03-29 02:00")
    child.terminate()
    assert child.wait(10) == 128 + signal.SIGTERM
    child.stdout.close()


def test_a_signal_reaches_the_command_and_waits_for_it(tmp_path: Path) -> None:
    child = loop("/bin/sh", "-c", f"trap 'echo clean > {tmp_path}/end; exit 7' TERM; echo up; sleep 60 & wait")
    assert child.stdout is not None
    assert child.stdout.readline().startswith("next run")
    assert child.stdout.readline() == "up\n"
    child.terminate()
    assert child.stdout.readline() == "run of 2026-03-28 ended with exit code 7\n"
    assert child.wait(10) == 128 + signal.SIGTERM
    assert (tmp_path / "end").read_text() == "clean\n"
    child.stdout.close()


def test_the_loop_refuses_what_it_cannot_run() -> None:
    for arguments, said in ((["--at", "25:00", "--", "true"], "is not a time"), (["no-such-thing"], "no command")):
        command = [sys.executable, "-m", "pipeline.schedule", "daily", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
