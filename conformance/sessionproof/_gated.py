"""Start a command whose file-system calls stop until the kit lets them go on.

Run as a file, `python -I -S _gated.py FD NUMBER COMMAND...`: it imports nothing of the kit, which sends it the filter
over the socket FD and gets the listener back. NUMBER is that of seccomp(2). Behind the filter nothing that it stops may
be called before the listener is sent. What goes wrong goes back over the socket as a line.
"""

import ctypes
import os
import socket
import struct
import sys

_NO_NEW_PRIVILEGES, _SET_FILTER = 38, 1
_NEW_LISTENER, _WAIT_KILLABLE = 1 << 3, 1 << 5
"""Without the second, a signal that the adapter sends itself (as Go does) would make it call again."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main() -> None:
    """Take the filter, install it, send the listener, become the command."""
    kit = socket.socket(fileno=int(sys.argv[1]))
    kit.set_inheritable(False)
    number, command = int(sys.argv[2]), sys.argv[3:]
    instructions = kit.recv(1 << 16)
    code = ctypes.create_string_buffer(instructions, len(instructions))
    program = _Program(len(instructions) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero):
        _refuse(kit, "prctl(PR_SET_NO_NEW_PRIVS)")
    flags = ctypes.c_ulong(_NEW_LISTENER | _WAIT_KILLABLE)
    listener = libc.syscall(ctypes.c_long(number), ctypes.c_ulong(_SET_FILTER), flags, ctypes.byref(program))
    if listener < 0:
        _refuse(kit, "seccomp")
    kit.sendmsg([b"ready"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", listener))])
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the user's command is the point
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def _refuse(kit: socket.socket, call: str) -> None:
    text = f"{call}: {os.strerror(ctypes.get_errno())}"
    kit.send(text.encode())
    sys.exit(text)


if __name__ == "__main__":
    main()
