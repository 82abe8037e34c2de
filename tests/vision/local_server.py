"""A web server on this machine that answers well, wrongly, half or not at all."""

from __future__ import annotations

import http.server
import socket
import struct
import threading


class Server:
    """Answers with what `files` holds; `redirects` leads elsewhere; `lengths` lies; `faults` names what goes wrong.

    Faults: "reset" ends the connection after the body with RST, "silent" sends half of the body and then waits,
    "mute" sends nothing at all, "garbage" answers in no known protocol.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.lengths: dict[str, int | str] = {}
        self.faults: dict[str, str] = {}
        self.asked: list[str] = []
        self.released = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                fault = server.faults.get(self.path)
                if fault == "mute":
                    server.released.wait(60)
                    return
                if fault == "garbage":
                    self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
                    return
                if self.path in server.redirects:
                    self.send_response(302)
                    self.send_header("Location", server.redirects[self.path])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_body(server.files.get(self.path), fault)

            def send_body(self, body: bytes | None, fault: str | None) -> None:
                self.send_response(404 if body is None else 200)
                body = body or b""
                self.send_header("Content-Length", str(server.lengths.get(self.path, len(body))))
                self.end_headers()
                self.wfile.write(body if fault is None else body[: len(body) // 2])
                self.wfile.flush()
                if fault == "silent":
                    server.released.wait(60)
                if fault == "reset":
                    linger = struct.pack("ii", 1, 0)  # close sends RST
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.rfile.close()
                    self.wfile.close()
                    self.connection.close()

            def finish(self) -> None:
                if not self.wfile.closed:
                    super().finish()

            def log_message(self, *args: object) -> None:
                """Silent."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *unused: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True, args=(0.02,))
        self.thread.start()

    def clear(self) -> None:
        for table in (self.files, self.redirects, self.lengths, self.faults, self.asked):
            table.clear()
        self.released.clear()

    def close(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
