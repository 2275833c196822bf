"""A live page without a browser: opens the websocket, says hello, confirms frames, counts what it is sent.

Comes in: the server's port, a session's key, a cursor. Goes out: rows, and what the rows "+N more" stand for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct

_ROW = re.compile(r'class="row row-\w+ row-flat|data-trace="')
_MORE = re.compile(r"\+([\d,]+) more (?:emission|trace)")
_TOKEN = re.compile(r'data-tally="(\d+)/\d+[^"]*" data-frame="(\d+)"')


class Page:
    """One open page. ``matched`` is its own count of emissions, ``rows`` and ``more`` what it was shown."""

    def __init__(self) -> None:
        self.frames = self.bytes = self.rows = self.more = self.matched = 0
        self._confirmed = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._listening: asyncio.Task[None] | None = None

    async def open(
        self, port: int, session: str, cursor: str, query: str = "layout=flat", path: str = "/ws/signals/"
    ) -> None:
        """Connect, and say up to where the page is."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path}?{query} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Origin: http://127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Cookie: sessionid={session}",
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"The server answered {answer.splitlines()[0]!r} instead of 101.")
        self.say(cursor=cursor)
        self._listening = asyncio.create_task(self._listen())

    def say(self, **message: object) -> None:
        """Send one message, masked as a client must."""
        body, mask = json.dumps(message).encode(), os.urandom(4)
        length = bytes([0x80 | len(body)]) if len(body) < 126 else struct.pack("!BH", 0x80 | 126, len(body))
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))
        self._writer.write(b"\x81" + length + mask + masked)

    async def close(self) -> None:
        """Leave."""
        if self._listening is not None:
            self._listening.cancel()
        self._writer.close()

    async def _listen(self) -> None:
        while True:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
            body = await self._reader.readexactly(length)
            if first & 0x0F == 1:
                self._take(body.decode())

    def _take(self, text: str) -> None:
        self.frames += 1
        self.bytes += len(text)
        self.rows += len(_ROW.findall(text))
        self.more += sum(int(number.replace(",", "")) for number in _MORE.findall(text))
        if token := _TOKEN.search(text):
            self.matched, frame = int(token[1]), int(token[2])
            if frame > self._confirmed:
                self._confirmed = frame
                self.say(action="ack", frame=frame)
