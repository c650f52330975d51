"""Runs a program by itself and measures it: its wall time, its own CPU time, and its peak of memory."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

# How often the peak of memory is read: the kernel keeps it, but forgets it at the program's end.
GLANCE_MS = 20
# A program that takes longer hangs.
LIMIT_SECONDS = 300


@dataclass
class Run:
    """What a run of a program took; memory in MB of a million bytes."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    status: int


class Failed(Exception):
    """A program did not do what it was to do."""


@contextlib.contextmanager
def child(command, **options):
    """Starts a program in a group of its own, and ends the whole group with the block, whatever ends that."""
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def measured(command, log):
    """Runs a program to its end and measures it, when it is its turn; what it says goes to the log."""
    with turn(), child(command, stdout=log, stderr=log) as process:
        began = time.monotonic()
        peak = watch(process.pid, began + LIMIT_SECONDS)
        if peak is None:
            raise Failed(f"{command[0]} took longer than {LIMIT_SECONDS} s")
        seconds = time.monotonic() - began
        # wait4 and not wait, which would not tell what this one process used.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak * 1024 / 1e6, process.returncode)


def watch(pid, deadline):
    """Waits for a program's end and returns its peak of memory in KiB, or nothing when it takes too long.

    Not ru_maxrss of wait4: a child begins that with the peak of the process that started it.
    """
    descriptor = os.pidfd_open(pid)
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        peak = 0
        while not end.poll(GLANCE_MS):
            peak = peak_of(pid) or peak
            if time.monotonic() > deadline:
                return None
        return peak
    finally:
        os.close(descriptor)


def peak_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), None)


def cpu_of(pid):
    """Returns the CPU seconds that a process has used so far, in hundredths."""
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def turn():
    """Takes turns with whoever else measures on this machine: PEERS_LOCK names the file that all of them lock."""
    name = os.environ.get("PEERS_LOCK")
    if not name:
        yield
        return
    with open(name, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
