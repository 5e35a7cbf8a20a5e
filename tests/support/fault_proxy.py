"""A TCP proxy in front of each node, in a process of its own, that misbehaves when told to.

    with FaultProxy({"north": 5432}) as proxy:
        proxy.ports["north"]                    # connect here
        proxy.set("north", delay=0.02)          # each piece arrives later
        proxy.set("north", cut_after=1000)      # every connection is cut after so many bytes more
        proxy.set("north", silent=True)         # nothing comes through, connections stay
        proxy.set("north")                      # as if it were not there

What a silent proxy has swallowed it gives when it speaks again, as a network does.
"""

import asyncio
import json
import os
import subprocess
import sys

PIECE = 65536


class FaultProxy:
    def __init__(self, targets, host="127.0.0.1"):
        self.targets = targets
        self.host = host
        self.ports = {}

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), self.host, json.dumps(self.targets)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ports = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def set(self, name, **mode):
        """Returns when it holds."""
        self.process.stdin.write(json.dumps([name, mode]) + "\n")
        if json.loads(self.process.stdout.readline()) != name:
            raise RuntimeError("the proxy answers for another node")


class Gate:
    """One node's way: how it behaves now."""

    def __init__(self):
        self.speaks = asyncio.Event()
        self.set({})

    def set(self, mode):
        self.delay = mode.get("delay", 0)
        self.cut_after = mode.get("cut_after")
        if mode.get("silent"):
            self.speaks.clear()
        else:
            self.speaks.set()

    async def pump(self, reader, writer):
        cut_after, left = None, None
        while True:
            data = await reader.read(PIECE)
            if not data:
                return
            if self.cut_after != cut_after:
                cut_after = left = self.cut_after
            if self.delay:
                await asyncio.sleep(self.delay)
            await self.speaks.wait()
            if left is not None:
                data = data[:left]
                left -= len(data)
            writer.write(data)
            await writer.drain()
            if left == 0:
                return

    async def serve(self, port, reader, writer):
        try:
            await self.speaks.wait()
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        pumps = [asyncio.ensure_future(self.pump(reader, up_writer)), asyncio.ensure_future(self.pump(up_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, up_writer):
                end.close()


async def main(host, targets):
    gates = {name: Gate() for name in targets}
    ports = {}
    for name, port in targets.items():
        server = await asyncio.start_server(
            lambda reader, writer, gate=gates[name], port=port: gate.serve(port, reader, writer), host, 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while True:
        line = await commands.readline()
        if not line:
            return
        name, mode = json.loads(line)
        gates[name].set(mode)
        print(json.dumps(name), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
