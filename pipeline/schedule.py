"""The nightly ingest: as a systemd timer, as a line for cron, or as a loop in a container.

    pipeline schedule MANIFEST --at 02:00                          installs the timer, or prints the line
    python -m pipeline.schedule daily --at 02:00 -- COMMAND …      runs COMMAND every day until stopped
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from pipeline.errors import Fatal, LockHeld, PipelineError, UsageError

Echo = Callable[[str], None]
JITTER_SECONDS = 300
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Night:
    """One nightly command: `command` run in `folder` at `hour`:`minute`, under a name of its own."""

    name: str
    about: str
    hour: int
    minute: int
    folder: Path
    command: tuple[str, ...]


def clock(at: str) -> tuple[int, int]:
    """Hour and minute of 'HH:MM'. Raises UsageError."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at, re.ASCII)
    if not found:
        raise UsageError(f"'{at}' is not a time of day: write it as HH:MM, such as 02:00.")
    return int(found[1]), int(found[2])


def plan(manifest: Path, at: str, root: str) -> Night:
    """The nightly ingest of `manifest` into `root`, which runs where `pipeline schedule` was called.

    Raises UsageError for a bad time, or a path that no unit or crontab can hold.
    """
    hour, minute = clock(at)
    manifest = manifest.absolute()
    root = root if "://" in root else str(Path(root).expanduser().absolute())
    command = (str(Path(sys.executable).with_name("pipeline")), "ingest", str(manifest), "--root", root)
    folder = Path.cwd()
    for text in (*command, str(folder)):
        if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|[\\\s]$", text):
            raise UsageError(f"{text!r} has characters that a schedule cannot hold: move or rename it.")
    which = hashlib.sha256("\0".join((str(manifest), root)).encode()).hexdigest()[:8]
    stem = re.sub(r"[^a-z0-9]+", "-", manifest.stem.lower()).strip("-") or "corpus"
    return Night(f"wunderkammer-{stem}-{which}", f"nightly ingest of {manifest}", hour, minute, folder, command)


def service(night: Night) -> str:
    """The systemd service. Exit code 5 (another run is at work) is no failure; secrets come from a file."""
    # systemd takes no program with a quote in its path; a shell does.
    shell = ("/bin/sh", "-c", 'exec "$0" "$@"') if re.search(r"""["'\\]""", night.command[0]) else ()
    command = " ".join(_quoted(word) for word in (*shell, *night.command))
    return "\n".join([
        "[Unit]",
        f"Description=Wunderkammer: {_verbatim(night.about)}",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_verbatim(str(night.folder))}",
        "EnvironmentFile=-%h/.config/wunderkammer/environment",
        # The colon: what looks like a variable in a path stays as it is.
        f"ExecStart=:{command}",
        f"SuccessExitStatus={LockHeld.exit_code}",
        "TimeoutStopSec=300",
        "Nice=10",
        "",
    ])  # fmt: skip


def timer(night: Night) -> str:
    """The systemd timer: daily, made up for when the machine was off, and not on the very minute."""
    return "\n".join([
        "[Unit]",
        f"Description=Wunderkammer: {_verbatim(night.about)}, every night",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* {night.hour:02}:{night.minute:02}:00",
        "Persistent=true",
        f"RandomizedDelaySec={JITTER_SECONDS}",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ])  # fmt: skip


def cron(night: Night) -> str:
    """The line for a crontab."""
    command = f"cd {shlex.quote(str(night.folder))} && {shlex.join(night.command)}"
    return f"{night.minute} {night.hour} * * * {command}".replace("%", "\\%")


def _verbatim(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_verbatim(escaped)}"'


# installing


def schedule(manifest: Path, at: str, root: str, *, dry_run: bool, echo: Echo) -> None:
    """Install the nightly ingest of `manifest` where systemd runs; elsewhere say what to put into the crontab."""
    night = plan(manifest, at, root)
    if not systemd_runs():
        echo(f"systemd does not run here. Add this line with `crontab -e`:\n\n{cron(night)}\n")
        echo("cron does not make up for a night when the machine was off; the next night takes in both.")
        return
    folder = unit_folder()
    if dry_run:
        for suffix, text in _units(night).items():
            echo(f"# {folder / (night.name + suffix)}\n{text}")
        return
    install(night, folder, echo)


def systemd_runs() -> bool:
    """Whether systemd manages this machine and, unless we are root, also our own services."""
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        return False
    own = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"), "systemd", "private")
    return os.getuid() == 0 or own.exists()


def unit_folder() -> Path:
    """Where our units belong: the machine's for root, otherwise the user's."""
    if os.getuid() == 0:
        return Path("/etc/systemd/system")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def install(night: Night, folder: Path, echo: Echo) -> None:
    """Write both units to `folder` and start the timer. Raises Fatal when systemd refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in _units(night).items():
        (folder / f"{night.name}{suffix}").write_text(text, encoding="utf-8")
    manager = ["systemctl"] if os.getuid() == 0 else ["systemctl", "--user"]
    _systemctl([*manager, "daemon-reload"])
    _systemctl([*manager, "enable", "--now", f"{night.name}.timer"])
    asked = " ".join(manager)
    echo(f"Installed {night.name}.timer in {folder}: every day at {night.hour:02}:{night.minute:02}.")
    echo(f"Next: `{asked} list-timers` shows when; `{asked} start {night.name}` runs it now;")
    echo(f"      `{asked} disable --now {night.name}.timer` takes it away.")
    if os.getuid() != 0:
        echo("`loginctl enable-linger` lets it run while you are logged out.")


def _units(night: Night) -> dict[str, str]:
    return {".service": service(night), ".timer": timer(night)}


def _systemctl(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise Fatal(f"`{' '.join(command)}` failed ({said}): run it yourself, or use `pipeline schedule --dry-run`.")


# the loop for a container


def next_run(now: datetime, hour: int, minute: int) -> datetime:
    """The first moment after `now` that shows `hour`:`minute`."""
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _utc() -> datetime:
    return datetime.now(UTC)


def daily(at: str, command: Sequence[str], echo: Echo, now: Callable[[], datetime] = _utc) -> int:
    """Run `command` every day at `at` (UTC) until SIGTERM or SIGINT; returns 128 + the signal.

    Never two at once: a night that takes longer than a day skips the next. A signal is passed on to the command
    and what it started, and waits for it to end.
    """
    hour, minute = clock(at)
    if shutil.which(command[0]) is None:
        raise UsageError(f"There is no command '{command[0]}': name one after `--`.")
    stopped = threading.Event()
    received: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on() -> None:
        for child in running:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, received[-1])

    def stop(number: int, _: object) -> None:
        received.append(number)
        stopped.set()
        pass_on()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopped.is_set():
        due = next_run(now(), hour, minute)
        echo(f"next run at {due:%Y-%m-%d %H:%M} UTC")
        if _wait_until(due, now, stopped):
            running[:] = [subprocess.Popen(command, start_new_session=True)]
            if received:  # the signal came while it started
                pass_on()
            echo(f"run of {due:%Y-%m-%d} ended with exit code {running[0].wait()}")
            running.clear()
    return 128 + received[0]


def _wait_until(due: datetime, now: Callable[[], datetime], stopped: threading.Event) -> bool:
    """False when stopped first. Looks at the clock often: machines sleep, and clocks are set."""
    while (left := (due - now()).total_seconds()) > 0:
        if stopped.wait(min(left, _LONGEST_WAIT)):
            return False
    return not stopped.is_set()


@click.group()
def main() -> None:
    """The nightly loop, for containers."""


@main.command("daily", context_settings={"ignore_unknown_options": True})
@click.option("--at", default="02:00", show_default=True, metavar="HH:MM", help="When, in UTC.")
@click.argument("command", nargs=-1, required=True)
def daily_(at: str, command: tuple[str, ...]) -> None:
    """Run COMMAND every day at the same time, never twice at once, until stopped."""
    try:
        sys.exit(daily(at, command, click.echo))
    except PipelineError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
