"""Python's websockets between standard input and /connect: bytes in, bytes out. Arguments: URL, CA file, binary|text."""
import asyncio
import base64
import ssl
import sys

import websockets


async def main(url, ca, kind):
    context = ssl.create_default_context(cafile=ca)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with websockets.connect(url, ssl=context, compression=None, max_size=None) as socket:

        async def upstream():
            while chunk := await reader.read(65536):
                await socket.send(base64.b64encode(chunk).decode() if kind == "text" else chunk)
            await socket.close()

        sending = asyncio.ensure_future(upstream())
        await (await socket.ping())
        async for message in socket:
            sys.stdout.buffer.write(message)
            sys.stdout.buffer.flush()
        sending.cancel()


asyncio.run(main(*sys.argv[1:4]))
