"""The program that runs a model's code and its tests, away from the rest of the machine as far as the system allows.

It is started by its path, without wellkeeper around it, in a session and a folder of its own, and is told all that it
needs on its standard input. Three processes: this one; the keeper, which is the first of its own namespaces on Linux,
so that all others end with it; and the one that runs the code. That one has, where the system allows it: no network, no
view of other processes, a read-only file system but for a small folder in memory, no privileges, an ordinary user in
place of root, and no processes or threads besides itself.

None of this is a security boundary. It keeps accidents in: loops, forks, full memory, files all over the place.
"""

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

# Linux: sched.h, mount.h, prctl.h, capability.h, and system calls that have one number on all machines.
_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000
_NEW_IPC, _NEW_PROCESSES, _NEW_NETWORK = 0x0800_0000, 0x2000_0000, 0x4000_0000
_PRIVATE = (1 << 14) | (1 << 18)  # MS_REC | MS_PRIVATE
_MOUNT_SETATTR, _HERE, _RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1
_KEEP_CAPABILITIES, _NO_NEW_PRIVILEGES, _DIE_WITH_PARENT = 8, 38, 1
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
    apart = libc is not None and _new_namespaces(libc)
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
    worker = os.fork()
    if worker == 0:
        _run(job, report, libc)
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != _REPORTED:
        _say(report, _ended_by(code))
    os._exit(0)


def _ended_by(code: int) -> dict[str, str]:
    if code == -signal.SIGXCPU:
        return {"ended": "limit", "note": "it ran out of CPU time"}
    if code == -signal.SIGKILL:
        return {"ended": "limit", "note": "it was killed, as for too much CPU time or memory"}
    if code < 0:
        return {"ended": "failed", "note": f"it ended by {signal.Signals(-code).name}"}
    return {"ended": "failed", "note": f"it ended with code {code} before its tests were through"}


def _run(job: Mapping[str, Any], report: int, libc: ctypes.CDLL | None) -> NoReturn:
    _give_up_privileges(libc, job["nobody"])
    _set_limits(job)
    _say(report, _ran(job["parts"]))
    os._exit(_REPORTED)


def _ran(parts: Sequence[Sequence[str]]) -> dict[str, str]:
    """Run each part in the names of the ones before it."""
    names: dict[str, Any] = {"__name__": "answer"}
    for part, source in parts:
        try:
            exec(compile(source, f"<{part}>", "exec"), names)  # noqa: S102 - this is what the program is for
        except MemoryError:
            return {"ended": "limit", "note": "it ran out of memory"}
        except BaseException as error:  # noqa: BLE001 - SystemExit too: the tests are not through
            return {"ended": "failed", "note": f"{part}: {_told(error)}"}
    return {"ended": "passed", "note": ""}


def _told(error: BaseException) -> str:
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())[:_NOTE]
    except BaseException:  # noqa: BLE001 - the code may have its own errors
        return name
    return f"{name}: {message}" if message else name


def _say(report: int, told: Mapping[str, str]) -> None:
    os.write(report, json.dumps(told).encode() + b"\n")


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
