"""Making a socket deaf, as a packet filter in front of it would: what arrives is dropped in the kernel, unanswered.

A listening socket then gives no SYN an answer, so that clients wait for their connect timeout; what was accepted before
lives on unless it is silenced itself. The filter is one instruction of classic BPF, "accept 0 bytes"; a process may
attach it to its own sockets without privileges (socket(7), SO_ATTACH_FILTER).
"""

import ctypes
import os
import socket
import struct

_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_BPF_RET_K = 0x06
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET_K, 0, 0, 0))
_PROGRAM = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))


def silence(descriptor: int) -> None:
    """Drop everything that arrives at a socket from now on."""
    with socket.socket(fileno=os.dup(descriptor)) as own:
        own.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM)


def unsilence(descriptor: int) -> None:
    """Take the filter away; what peers repeat from now on arrives. No error when there is none."""
    with socket.socket(fileno=os.dup(descriptor)) as own:
        try:
            own.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        except FileNotFoundError:
            return
