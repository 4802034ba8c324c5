"""A way to a server that can be made slow, or dead without a word, under connections that are open already."""

from __future__ import annotations

import socket
import socketserver
import threading
import time

CHUNK_BYTES = 65536


class Hindrance(socketserver.ThreadingTCPServer):
    """Carries bytes to a server and back, from `with` to its end.

    Parameters
    ----------
    address
        Where to, as ``host,port``.
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        host, port = address.split(",")
        self.target = (host, int(port))
        self.delay_s = 0.0
        """How late each part of an answer comes."""
        self.is_dead = False
        """Whether nothing comes through any more."""
        super().__init__((host, 0), _Way)
        self.address = f"{host},{self.server_address[1]}"
        """Where to connect to instead."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Way(socketserver.BaseRequestHandler):
    server: Hindrance

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as behind:
            threading.Thread(target=self._carry, args=(self.request, behind), daemon=True).start()
            self._carry(behind, self.request, answers=True)

    def _carry(self, source: socket.socket, sink: socket.socket, *, answers: bool = False) -> None:
        try:
            while data := source.recv(CHUNK_BYTES):
                time.sleep(self.server.delay_s if answers else 0)
                if not self.server.is_dead:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one of the two is gone: nothing is carried any more
