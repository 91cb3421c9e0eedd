# SPDX-License-Identifier: MIT
"""XenStore as dom0 sees it, spoken over xenstored's socket: a process for
each read would cost more than the tests themselves, under emulation."""
import os
import select
import socket
import struct
import time

SOCKET = os.environ.get("XENSTORED_PATH", "/run/xenstored/socket")
HEAD = struct.Struct("<IIII")           # type, request, transaction, length

(DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH) = range(1, 6)
(WRITE, MKDIR, RM, SET_PERMS, WATCH_EVENT, ERROR) = range(11, 17)
REPLY_S = 60


class StoreError(Exception):
    """A name such as ENOENT, and what was asked for."""


class Store:
    def __init__(self, path=SOCKET):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(REPLY_S)
        self.socket.connect(path)
        self.events = []                # (path, token), not yet asked for

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- messages --------------------------------------------------------

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise StoreError("xenstored closed the connection")
            data += part
        return data

    def message(self):
        kind, _, _, length = HEAD.unpack(self.receive(HEAD.size))
        return kind, self.receive(length)

    def event(self, body):
        path, token = body.split(b"\0")[:2]
        self.events.append((path.decode(), token.decode()))

    def ask(self, kind, *parts, end=True):
        body = b"\0".join(p.encode() if isinstance(p, str) else p
                          for p in parts) + (b"\0" if end else b"")
        self.socket.sendall(HEAD.pack(kind, 0, 0, len(body)) + body)
        while True:
            got, reply = self.message()
            if got == WATCH_EVENT:
                self.event(reply)
            elif got == ERROR:
                raise StoreError(f"{reply[:-1].decode()}: {parts[0]}")
            else:
                return reply

    # ---- nodes -----------------------------------------------------------

    def read(self, path, default=None):
        """A node's value; `default` if there is no such node."""
        try:
            return self.ask(READ, path).decode()
        except StoreError as e:
            if "ENOENT" not in str(e):
                raise
            return default

    def write(self, path, value):
        self.ask(WRITE, path, str(value), end=False)

    def remove(self, path):
        try:
            self.ask(RM, path)
        except StoreError as e:
            if "ENOENT" not in str(e):
                raise

    def list(self, path):
        """The names below a node; none if there is no such node."""
        try:
            reply = self.ask(DIRECTORY, path)
        except StoreError as e:
            if "ENOENT" not in str(e):
                raise
            return []
        return reply.decode().split("\0")[:-1]

    def permissions(self, path):
        """As in n0,r5: the owner and what others may do, then exceptions."""
        return self.ask(GET_PERMS, path).decode().split("\0")[:-1]

    def set_permissions(self, path, *permissions):
        self.ask(SET_PERMS, path, *permissions)

    def tree(self, path):
        """{path: value} of a node and all below it."""
        found, left = {}, [path]
        while left:
            at = left.pop()
            value = self.read(at)
            if value is not None:
                found[at] = value
                left += [f"{at}/{name}" for name in self.list(at)]
        return found

    # ---- watches ---------------------------------------------------------

    def next_event(self, timeout_s):
        """(path, token) of the next watch event; None after the time-out."""
        if not self.events:
            readable, _, _ = select.select([self.socket], [], [], timeout_s)
            if readable:
                self.event(self.message()[1])
        return self.events.pop(0) if self.events else None

    def watch(self, path, token="t"):
        self.ask(WATCH, path, token)

    def unwatch(self, path, token="t"):
        self.ask(UNWATCH, path, token)
        self.events = [e for e in self.events if e[1] != token]

    def await_that(self, condition, path, what, timeout_s):
        """Wait until condition() is true, asking whenever `path` changes;
        what it returned."""
        token = f"await {id(condition)}"
        end = time.monotonic() + timeout_s
        self.watch(path, token)
        try:
            while not (value := condition()):
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} after {timeout_s} s")
                self.next_event(left)
            return value
        finally:
            self.unwatch(path, token)

    def await_value(self, path, value, timeout_s=60):
        """Wait until a node has a value; None: until it is gone."""
        value = None if value is None else str(value)
        self.await_that(lambda: self.read(path) == value or None, path,
                        f"{path} = {value}", timeout_s)
