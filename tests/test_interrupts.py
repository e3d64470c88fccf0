"""Signals that ask a program to end act when nothing is half done, and in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from timbresep.commands.console import run
from timbresep.running import interrupts
from timbresep.running.interrupts import as_interrupts, held

ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Python's own handlers, also where a shell's `&` has SIGINT ignored."""
    before = {number: signal.getsignal(number) for number in [*ALL, signal.SIGALRM]}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_whatever_asks_the_program_to_end_is_an_interrupt(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    assert run(lambda: signal.raise_signal(number), debug=False) == 130
    assert capsys.readouterr().err == "error: interrupted\n"
    assert signal.getsignal(number) is before


def test_it_comes_once_so_that_things_are_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.5, 20.0, 30.0])
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: next(clock))
    with as_interrupts():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGINT)  # half a second later: the same wish
        signal.raise_signal(signal.SIGTERM)  # ten seconds: nobody is impatient
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # somebody is


def test_what_a_shell_has_ignored_stays_ignored_but_for_sigterm() -> None:
    for number in ALL:
        signal.signal(number, signal.SIG_IGN)
    with as_interrupts():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_signals_wait_for_the_end_of_a_block_whoever_handles_them() -> None:
    came: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, _: came.append(number))
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    during: list[int] = []

    def block() -> None:
        with held():
            for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGALRM, signal.SIGINT):
                signal.raise_signal(number)
                during.append(len(came))

    with pytest.raises(KeyboardInterrupt):
        block()
    assert during == [0, 0, 0, 0]
    assert came == [signal.SIGALRM, signal.SIGTERM]
    signal.raise_signal(signal.SIGTERM)
    assert came[-1] == signal.SIGTERM, "and after it they act at once again"
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_is_not_lost_when_the_block_fails() -> None:
    def block() -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        block()


def test_an_impatient_ctrl_c_acts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: next(clock))
    reached: list[int] = []

    def block() -> None:
        with held():
            for count in range(3):
                signal.raise_signal(signal.SIGINT)
                reached.append(count)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached == [0, 1]


def test_a_program_on_its_way_out_is_not_killed_on_it() -> None:
    code = (
        "import atexit, os, signal, sys; from timbresep.commands.console import run; "
        "atexit.register(lambda: [os.kill(os.getpid(), number) for number in (1, 2, 15)]); "
        "sys.exit(run(lambda: print('done'), debug=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


GROUP = """
import multiprocessing, os, signal, sys, time
from timbresep.commands.console import run
from timbresep.running.interrupts import leave_to_parent, starting_workers

def work(heard):
    leave_to_parent()
    heard.set()
    time.sleep(60)

def command():
    context = multiprocessing.get_context(sys.argv[1])
    with starting_workers():
        heard = context.Event()
    worker = context.Process(target=work, args=[heard], daemon=True)
    with starting_workers():
        worker.start()
    heard.wait()
    try:
        print(worker.pid, flush=True)
        time.sleep(60)
    finally:
        time.sleep(0.2)  # its signal has come by now
        print("alive" if worker.is_alive() else "dead", flush=True)

if __name__ == "__main__":
    sys.exit(run(command, debug=False))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere SIGTERM ends workers")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("number", [*ALL, signal.SIGKILL])
def test_workers_leave_the_signals_of_their_group_to_their_parent(
    tmp_path: Path, method: str, number: int
) -> None:
    (tmp_path / "group.py").write_text(GROUP)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "group.py", method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "core")},
        start_new_session=True,
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    if number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, number)
        os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert (process.returncode, out, err) == (130, "alive\n", "error: interrupted\n")
    deadline = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists(), "no worker outlives its parent"
