"""The world of test_gateway.py: servers on every address of the namespace that they are started in. Says "ready" once
they listen, and ends with its standard input."""
import asyncio
import hashlib
import random
import socket
import struct
import sys

ADDRESS, ADDRESS6 = "192.0.2.2", "2001:db8::2"
ECHO, GIVE, TAKE = 7, 7001, 7002  # ports
BYTES = 16 << 20
LONG_TEXT = [b"%03d " % i + b"x" * 200 for i in range(100)]


def given():
    """What GIVE sends."""
    return random.Random(5).randbytes(BYTES)


def answer_of(query, over_tcp):
    """A response to a DNS query (RFC 1035): names below world.test have an address of each kind, and text."""
    end = query.index(b"\0", 12) + 1
    kind, = struct.unpack("!H", query[end:end + 2])
    first = query[13:13 + query[12]]
    records = []
    if not query[12:end].lower().endswith(b"\5world\4test\0"):
        return query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12:end + 4]
    if kind == 1:
        records = [bytes(map(int, ADDRESS.split(".")))]
    elif kind == 28:
        records = [bytes.fromhex("20010db8000000000000000000000002")]
    elif kind == 16:
        records = [bytes([len(text)]) + text for text in (LONG_TEXT if first == b"long" else [b"short text"])]
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for data in records)
    cut = not over_tcp and len(body) > 400
    flags = 0x8180 | (0x0200 if cut else 0)
    header = query[:2] + struct.pack("!HHHHH", flags, 1, 0 if cut else len(records), 0, 0)
    return header + query[12:end + 4] + (b"" if cut else body)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer):
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(self.answer(data), address)


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def give(reader, writer):
    writer.write(given())
    await writer.drain()
    writer.close()


async def take(reader, writer):
    digest = hashlib.sha256()
    while data := await reader.read(1 << 20):
        digest.update(data)
    writer.write(digest.hexdigest().encode() + b"\n")
    await writer.drain()
    writer.close()


async def names(reader, writer):
    length, = struct.unpack("!H", await reader.readexactly(2))
    answer = answer_of(await reader.readexactly(length), True)
    writer.write(struct.pack("!H", len(answer)) + answer)
    await writer.drain()
    writer.close()


def datagram_socket6(port):
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(("::", port))
    return made


async def main(host):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(lambda query: answer_of(query, False)), (host, 53))
    await asyncio.start_server(names, host, 53)
    if host == "0.0.0.0":
        await loop.create_datagram_endpoint(lambda: Datagrams(bytes), (host, ECHO))
        await loop.create_datagram_endpoint(lambda: Datagrams(bytes), sock=datagram_socket6(ECHO))
        for server, port in ((echo, ECHO), (give, GIVE), (take, TAKE)):
            await asyncio.start_server(server, [host, "::"], port)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(sys.argv[1])) if __name__ == "__main__" else None
