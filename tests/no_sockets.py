"""`python -m tests.no_sockets SCRIPT [ARG]…`: run a script that dies if it opens a network socket.

On Linux a seccomp filter (seccomp(2), BPF as in linux/filter.h) kills the process, and any process
it starts, at socket(AF_INET or AF_INET6, …), so that native libraries are held to it as well.
Elsewhere an audit hook holds Python code to it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import runpy
import struct
import sys

AF_INET, AF_INET6 = 2, 10
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
# machine -> (audit architecture, number of the socket system call)
SYSCALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


def forbid() -> None:
    """From here on no network socket can be opened by this process or those it starts."""
    machine = SYSCALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        sys.addaudithook(_hook)
        return
    arch, number = machine
    # (code, jump if true, jump if false, value); offsets as in struct seccomp_data.
    program = [
        (LOAD, 0, 0, 4),
        (EQUAL, 0, 5, arch),
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 3, number),
        (LOAD, 0, 0, 16),
        (EQUAL, 2, 0, AF_INET),
        (EQUAL, 1, 0, AF_INET6),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or (
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0
    ):
        raise OSError(ctypes.get_errno(), "the filter could not be set")


def _hook(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.__new__" and args[1] in (AF_INET, AF_INET6, 23, 30):
        os.abort()


if __name__ == "__main__":
    forbid()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
