# SPDX-License-Identifier: MIT
"""A frontend in the test's own process, through the library: it stays
connected, and says what it sees."""
import ctypes
import os

from rig import BUILD, until

FUA, SECURE = 1, 2                      # flags of requests

lib = ctypes.CDLL(os.path.join(BUILD, "libpvb.so"))


class Err(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 300)]


class Info(ctypes.Structure):
    _fields_ = [
        ("size_bytes", ctypes.c_uint64),
        ("sector_size_bytes", ctypes.c_uint32),
        ("physical_size_bytes", ctypes.c_uint32),
        ("discard_granularity_bytes", ctypes.c_uint32),
        ("discard_alignment_bytes", ctypes.c_uint32),
        ("depth_max", ctypes.c_uint32),
        ("iov_max", ctypes.c_uint32),
        ("io_max_bytes", ctypes.c_uint64),
        ("read_only", ctypes.c_bool),
        ("rotational", ctypes.c_bool),
        ("flush", ctypes.c_bool),
        ("fua", ctypes.c_bool),
        ("discard", ctypes.c_bool),
        ("discard_secure", ctypes.c_bool),
        ("zero", ctypes.c_bool),
    ]


class Front:
    """Of a device by its vbd: URI.  Errors of requests are negative errnos."""

    def __init__(self, uri):
        self.client = ctypes.c_void_p()
        e = Err()
        r = lib.pvb_client_open(uri.encode(), None,
                                ctypes.byref(self.client), ctypes.byref(e))
        assert r == 0, e.text.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        lib.pvb_client_close(self.client)

    @property
    def info(self):
        i = Info()
        lib.pvb_client_info(self.client, ctypes.byref(i))
        return i

    def wait_size(self, size_bytes):
        until(lambda: self.info.size_bytes == size_bytes,
              f"size of {size_bytes} bytes")

    def read(self, length, offset=0):
        """The bytes, or a negative errno."""
        buffer = ctypes.create_string_buffer(length)
        r = lib.pvb_client_read(self.client, buffer, ctypes.c_size_t(length),
                                ctypes.c_uint64(offset))
        return buffer.raw if r == 0 else r

    def write(self, data, offset=0, flags=0):
        return lib.pvb_client_write(self.client, data,
                                    ctypes.c_size_t(len(data)),
                                    ctypes.c_uint64(offset),
                                    ctypes.c_uint32(flags))

    def discard(self, length, offset=0, flags=0):
        return lib.pvb_client_discard(self.client, ctypes.c_uint64(length),
                                      ctypes.c_uint64(offset),
                                      ctypes.c_uint32(flags))

    def zero(self, length, offset=0, flags=0):
        return lib.pvb_client_zero(self.client, ctypes.c_uint64(length),
                                   ctypes.c_uint64(offset),
                                   ctypes.c_uint32(flags))

    def flush(self):
        return lib.pvb_client_flush(self.client)
