"""So many strangers, in a process of their own: some hold connections and are silent, some ask.

Says "all" once everybody was connected once, and, when its standard input ends, what was answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
from collections import Counter

AGAIN_S = 5.0
PATHS = (
    "/", "/?page=runs", "/signin", "/static/js/bokeh.min.js", "/components/lib2to3.__main__/x/_css/y", "/autoload.js",
    "/favicon.ico", "/none",
)  # fmt: skip
SOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"


async def hold(port: int, connected: asyncio.Event, tally: Counter[str]) -> None:
    """Hold a connection, and come back a little later when it was closed."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connected.set()
            tally["held"] += 1
            await reader.read(1)
            writer.close()
        except OSError:
            tally["sent away"] += 1
        await asyncio.sleep(AGAIN_S)


async def request(port: int, path: str, tally: Counter[str]) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        host = f"127.0.0.1:{port}"
        more = "Connection: close\r\n" if path else SOCKET + f"Origin: http://{host}\r\n"
        writer.write(f"GET {path or '/ws'} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
        head = await reader.readline()
        tally[head.split()[1].decode() if head else "hung up"] += 1
        writer.close()
    except OSError:
        # Another stranger was given its place.
        tally["sent away"] += 1


async def besiege(port: int, idle: int, rate: float) -> None:
    """Do so until standard input ends."""
    tally: Counter[str] = Counter()
    events = [asyncio.Event() for _ in range(idle)]
    tasks = [asyncio.create_task(hold(port, event, tally)) for event in events]
    await asyncio.gather(*(event.wait() for event in events))
    sys.stdout.write("all\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    start, paths = loop.time(), itertools.cycle([*PATHS, ""])
    for number in itertools.count():
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        if ended.done():
            break
        tasks.append(asyncio.create_task(request(port, next(paths), tally)))
    tally["seconds"] = round(loop.time() - start)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(json.dumps(tally) + "\n")


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(besiege(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
