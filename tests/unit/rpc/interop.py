"""core/rpc against an independent implementation, Debian's python3-grpcio, both ways.

Arguments: the C peer, the .proto. Exits with 77 where grpcio is not installed.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent import futures

try:
    import grpc
except ImportError:
    sys.exit(77)

PEER, PROTO = sys.argv[1:3]
FOLDER = tempfile.TemporaryDirectory(prefix="holm-rpc-")
subprocess.run(["protoc", "-I", os.path.dirname(PROTO), "--python_out", FOLDER.name, PROTO], check=True)
sys.path.insert(0, FOLDER.name)
import echo_pb2  # noqa: E402

Blob = echo_pb2.Blob
SERVICE = "holm.test.v1.Echo"
HINT = "try another\nday"
TEXT = "outer: the inner: thing: it is 100% broken: \u00e4"


def method(channel, kind, name):
    return getattr(channel, kind)(f"/{SERVICE}/{name}", Blob.SerializeToString, Blob.FromString)


def expect_error(call, code):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        return error
    raise AssertionError(f"no error; {code} was due")


def check_server(channel):
    unary = method(channel, "unary_unary", "Unary")
    for size in (0, 1, 70000, 4 * 1024 * 1024 - 64):
        assert unary(Blob(data=b"x" * size, number=size)) == Blob(data=b"x" * size, number=size)
    down = list(method(channel, "unary_stream", "Down")(Blob(number=3000, size=10000)))
    assert [blob.number for blob in down] == list(range(3000))
    assert all(len(blob.data) == 10000 for blob in down)
    up = method(channel, "stream_unary", "Up")(Blob(data=b"y" * 50000) for _ in range(500))
    assert (up.number, up.size) == (500, 25000000)
    sent = [Blob(data=bytes([n % 256]) * 30000, number=n) for n in range(500)]
    assert list(method(channel, "stream_stream", "Chat")(iter(sent))) == sent

    fail = method(channel, "unary_unary", "Fail")
    error = expect_error(lambda: fail(Blob(text="not-found")), grpc.StatusCode.NOT_FOUND)
    trailers = dict(error.trailing_metadata())
    assert error.details() == TEXT, error.details()
    assert trailers["holm-error"] == "not-found" and trailers["holm-hint"] == "try another%0Aday", trailers
    expect_error(lambda: fail(Blob(text="denied")), grpc.StatusCode.PERMISSION_DENIED)
    hang = method(channel, "unary_unary", "Hang")
    expect_error(lambda: hang(Blob(), timeout=0.2), grpc.StatusCode.DEADLINE_EXCEEDED)
    nothing = method(channel, "unary_unary", "Nothing")
    expect_error(lambda: nothing(Blob()), grpc.StatusCode.UNIMPLEMENTED)
    too_large = lambda: unary(Blob(data=b"x" * (4 * 1024 * 1024 + 1)))  # noqa: E731
    expect_error(too_large, grpc.StatusCode.RESOURCE_EXHAUSTED)

    slow = method(channel, "unary_stream", "Down")(Blob(number=2000, size=20000))
    next(slow)
    time.sleep(0.3)  # the reader stops; nothing is lost
    assert sum(1 for _ in slow) == 1999
    cancelled = method(channel, "unary_stream", "Down")(Blob(number=1000000, size=1000))
    next(cancelled)
    cancelled.cancel()
    assert unary(Blob(number=1)).number == 1


def test_c_server():
    path = os.path.join(FOLDER.name, "c.sock")
    with subprocess.Popen([PEER, "serve", path], stdout=subprocess.PIPE) as peer:
        assert peer.stdout.readline() == b"ready\n"
        assert os.stat(path).st_mode & 0o777 == 0o600
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"unix:{path}", options=unlimited) as channel:
            check_server(channel)
        peer.terminate()
        assert peer.wait(10) == 0
        assert not os.path.exists(path)


def serve_unary(request, context):
    assert 0 < context.time_remaining() <= 5
    return request


def serve_fail(request, context):
    context.set_trailing_metadata((("holm-error", request.text), ("holm-hint", "try another%0Aday")))
    context.abort(grpc.StatusCode.INTERNAL, TEXT)


def serve_chat(requests, context):
    yield from requests


def serve_hang(request, context):
    time.sleep(1)
    return request


def test_c_client():
    path = os.path.join(FOLDER.name, "python.sock")
    codec = {"request_deserializer": Blob.FromString, "response_serializer": Blob.SerializeToString}
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
        "Unary": grpc.unary_unary_rpc_method_handler(serve_unary, **codec),
        "Fail": grpc.unary_unary_rpc_method_handler(serve_fail, **codec),
        "Hang": grpc.unary_unary_rpc_method_handler(serve_hang, **codec),
        "Chat": grpc.stream_stream_rpc_method_handler(serve_chat, **codec),
    }),))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    got = subprocess.run([PEER, "call", path], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
    server.stop(None)
    for line in ("unary ok||", "unary number 42", "chat ok||", "chat messages 400 digest equal",
                 f"fail not-found|{TEXT}|{HINT}"):
        assert line + "\n" in got, (line, got)
    assert "unimplemented unsupported|" in got, got
    assert "hang unavailable|" in got, got  # either side may be the first to say it


test_c_server()
test_c_client()
