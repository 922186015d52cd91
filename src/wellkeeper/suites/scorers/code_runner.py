"""The program that runs a model's code and its tests, away from the rest of the machine as far as the system allows.

It is started by its path, without wellkeeper around it, in a session and a folder of its own, and is told all that it
needs on its standard input. Three processes: this one; the keeper, which is the first of its own namespaces on Linux,
so that all others end with it; and the one that runs the code. That one has, where the system allows it: no network, no
view of other processes, a read-only file system but for a small folder in memory, no privileges, an ordinary user in
place of root, and no processes or threads besides itself.

None of this is a security boundary. It keeps accidents in: loops, forks, full memory, files all over the place.

That the tests pass is not for the code to say. Only the keeper reports, and the code's process has no way to the
report: it must hand the keeper a number that was drawn for it. What the runner needs after the code has run is taken
before, so that a `json.dumps` or an `os.write` of the code's own is never called, and each test has Python's own
built-in functions. What is left are the tests themselves: they run where the code runs, and code that walks up the
stack, or returns objects that are equal to everything, may pass them without being right.
"""

import builtins
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

_REPORTED = 99  # exit code of a process that has said how it ended
_FOLDER_BYTES = 16 << 20
_FILES = 64  # open at the same time
_NOTE = 200  # letters of an error that are kept
_SAID = 4096  # bytes of what the code's process says that are read
_NUMBER = 16  # bytes that stand for "all tests pass"

# Linux: sched.h, mount.h, prctl.h, capability.h, and system calls that have one number on all machines.
_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000
_NEW_IPC, _NEW_PROCESSES, _NEW_NETWORK = 0x0800_0000, 0x2000_0000, 0x4000_0000
_PRIVATE = (1 << 14) | (1 << 18)  # MS_REC | MS_PRIVATE
_MOUNT_SETATTR, _HERE, _RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1
_KEEP_CAPABILITIES, _NO_NEW_PRIVILEGES, _DIE_WITH_PARENT, _DUMPABLE = 8, 38, 1, 4
_CAPABILITIES_VERSION, _READ_ANY_FILE = 0x2008_0522, 1 << 2  # CAP_DAC_READ_SEARCH


def main() -> None:
    job = json.loads(sys.stdin.buffer.read())
    report = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:  # the thread that started us waits for us, so that its end is the end of the program
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != job["parent"]:  # it ended before that, and nobody would ever end us
            return
    apart = libc is not None and _new_namespaces(libc)
    if libc is not None:  # or a process of the same user may open the report by /proc
        libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    keeper = os.fork()
    if keeper == 0:
        _keep(job, report, libc, apart=apart)
    os.close(report)
    os.waitpid(keeper, 0)


def _keep(job: Mapping[str, Any], report: int, libc: ctypes.CDLL | None, *, apart: bool) -> NoReturn:
    """Run the code in a process, and say how it ended where it cannot."""
    if libc is not None:
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if libc is not None and apart:
        _shut_the_file_system(libc)
    number = os.urandom(_NUMBER)
    listening, speaking = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(report)
        os.close(listening)
        _run(job, speaking, number, libc)
    os.close(speaking)
    said = _heard(listening)
    _, status = os.waitpid(worker, 0)
    told = _judged(said, number, os.waitstatus_to_exitcode(status))
    os.write(report, json.dumps(told).encode() + b"\n")
    os._exit(0)


def _heard(listening: int) -> bytes:
    """What the code's process says until its end, so far as it is of any use."""
    said = bytearray()
    while piece := os.read(listening, _SAID):
        said += piece[: _SAID - len(said)]
    return bytes(said)


def _judged(said: bytes, number: bytes, code: int) -> dict[str, str]:
    """How the code ended; that it passed is believed only of one who knows the number."""
    if code != _REPORTED:
        return _ended_by(code)
    if said == number:
        return {"ended": "passed", "note": ""}
    try:
        told = json.loads(said)
        ended, note = told["ended"], told["note"]
    except (ValueError, KeyError, TypeError):
        ended, note = "", ""
    if ended not in {"failed", "limit"} or not isinstance(note, str):
        return {"ended": "failed", "note": "it said itself how its tests ended, and did not run them"}
    return {"ended": ended, "note": note}


def _ended_by(code: int) -> dict[str, str]:
    if code == -signal.SIGXCPU:
        return {"ended": "limit", "note": "it ran out of CPU time"}
    if code == -signal.SIGKILL:
        return {"ended": "limit", "note": "it was killed, as for too much CPU time or memory"}
    if code < 0:
        return {"ended": "failed", "note": f"it ended by {signal.Signals(-code).name}"}
    return {"ended": "failed", "note": f"it ended with code {code} before its tests were through"}


def _run(job: Mapping[str, Any], speaking: int, number: bytes, libc: ctypes.CDLL | None) -> NoReturn:
    _give_up_privileges(libc, job["nobody"])
    _set_limits(job)
    say, leave = os.write, os._exit
    failed = _ran(job["parts"])
    say(speaking, failed or number)
    leave(_REPORTED)


def _ran(parts: Sequence[Sequence[str]]) -> bytes:
    """Run each part in the names of the ones before it; what to report where one fails, nothing where none does."""
    names: dict[str, Any] = {"__name__": "answer"}
    run, as_json, untrace, unprofile = exec, json.dumps, sys.settrace, sys.setprofile
    own = vars(builtins).copy()
    programs = []
    part = ""
    try:
        for part, source in parts:
            programs.append((part, compile(source, f"<{part}>", "exec")))
        for part, program in programs:  # noqa: B007 - the error says which
            names["__builtins__"] = own.copy()
            untrace(None)
            unprofile(None)
            run(program, names)
    except MemoryError:
        return as_json({"ended": "limit", "note": "it ran out of memory"}).encode()
    except BaseException as error:  # noqa: BLE001 - SystemExit too: the tests are not through
        return as_json({"ended": "failed", "note": f"{part}: {_told(error)}"}).encode()
    return b""


def _told(error: BaseException) -> str:
    name = type(error).__name__[:_NOTE]
    try:
        message = " ".join(str(error).split())[:_NOTE]
    except BaseException:  # noqa: BLE001 - the code may have its own errors
        return name
    return f"{name}: {message}" if message else name


# --- apart from the machine --------------------------------------------------------------------------------------


def _new_namespaces(libc: ctypes.CDLL) -> bool:
    """No network, other processes or mounts from here on; False where the system does not allow it."""
    namespaces = _NEW_MOUNTS | _NEW_IPC | _NEW_PROCESSES | _NEW_NETWORK
    if os.geteuid() == 0 and libc.unshare(namespaces) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(namespaces | _NEW_USER) != 0:
        return False
    try:
        for name, told in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib is slow to import
                file.write(told)
    except OSError:
        return False
    return True


def _shut_the_file_system(libc: ctypes.CDLL) -> None:
    """All of it read-only but for this folder, which is in memory now; no view of processes."""
    folder = os.getcwd().encode()  # noqa: PTH109
    if libc.mount(None, b"/", None, _PRIVATE, None) != 0:
        return
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    libc.syscall(_MOUNT_SETATTR, _HERE, b"/", _RECURSIVE, ctypes.byref(attributes), ctypes.sizeof(attributes))
    libc.mount(b"tmpfs", folder, b"tmpfs", 0, f"size={_FOLDER_BYTES},mode=0777".encode())
    libc.mount(b"tmpfs", b"/proc", b"tmpfs", _READ_ONLY, b"size=4096")
    os.chdir(folder)


def _give_up_privileges(libc: ctypes.CDLL | None, nobody: int) -> None:
    """An ordinary user in place of root, who keeps at most what it takes to read the interpreter's own files."""
    kept = 0
    if libc is not None:
        libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(nobody)
        os.setuid(nobody)
        kept = 0 if os.access(os.__file__, os.R_OK) else _READ_ANY_FILE
    if libc is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
        libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0))
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)  # a change of user has undone it


def _set_limits(job: Mapping[str, Any]) -> None:
    seconds = max(1, -int(-job["seconds"] // 1))
    limits = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_AS: (job["memory"], job["memory"]),
        resource.RLIMIT_FSIZE: (_FOLDER_BYTES, _FOLDER_BYTES),
        resource.RLIMIT_NOFILE: (_FILES, _FILES),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }
    for limit, wanted in limits.items():
        _, most = resource.getrlimit(limit)
        bound = wanted if most == resource.RLIM_INFINITY else tuple(min(one, most) for one in wanted)
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit of address space
            resource.setrlimit(limit, (bound[0], bound[1]))


if __name__ == "__main__":
    main()
