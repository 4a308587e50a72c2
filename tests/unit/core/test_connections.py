"""HTTP as a client: what a pool of connections must and must not do, on the loop that services run on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from tinstack.core import connections
from tinstack.core.connections import Broken, Pool

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WAIT = 60.0


@asynccontextmanager
async def served(peer: Peer) -> AsyncIterator[tuple[str, Pool, list[int]]]:
    """A server's URL, a pool, and how many connections there were."""
    met = [0]

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met[0] += 1
        try:
            await peer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(each, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    pool = Pool()
    try:
        yield f"http://{host}:{port}", pool, met
    finally:
        pool.close()
        server.close()


async def heads(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


async def ask(pool: Pool, method: str, url: str, body: Any = None, **options: Any) -> tuple[int, bytes]:
    async with pool.request(method, url, {}, body, seconds=WAIT, **options) as answer:
        return answer.status, await answer.read()


def saying(*answers: bytes, seen: list[str] | None = None, count: int = 1000) -> Peer:
    """Gives these answers in turn, then the last; closes after ``count`` requests."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(count):
            head = await heads(reader)
            if seen is not None:
                seen.append(head)
            writer.write(answers[min(number, len(answers) - 1)])

    return peer


def test_a_connection_serves_one_request_after_the_other() -> None:
    seen: list[str] = []

    async def run() -> None:
        async with served(saying(OK, seen=seen)) as (url, pool, met):
            for _ in range(3):
                assert await ask(pool, "GET", f"{url}/a%20b?c=d%2Fe") == (200, b"ok")
            assert met == [1]

    uvloop.run(run())
    assert seen[0].startswith("GET /a%20b?c=d%2Fe HTTP/1.1\r\nHost: 127.0.0.1:")


def test_a_kept_connection_that_was_closed_is_replaced_where_asking_twice_does_no_harm() -> None:
    async def run() -> None:
        async with served(saying(OK, count=1)) as (url, pool, met):
            for number in range(1, 4):
                assert await ask(pool, "PUT", url, b"x") == (200, b"ok")
                assert met == [number]
                await asyncio.sleep(0)

    uvloop.run(run())


def test_a_request_that_must_not_be_repeated_is_not() -> None:
    """The server takes the second request and closes without a word: it may have been done."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heads(reader)
        writer.write(OK)
        await heads(reader)

    async def run() -> None:
        async with served(peer) as (url, pool, met):
            assert await ask(pool, "GET", url) == (200, b"ok")
            with pytest.raises(Broken):
                await ask(pool, "POST", url, b"x")
            assert met == [1]

    uvloop.run(run())


@pytest.mark.parametrize(
    ("method", "answer", "wanted"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", (200, b"")),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc")),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", (200, b"until the end")),
        ("GET", b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" + OK, (200, b"ok")),
    ],
)
def test_where_an_answer_ends(method: str, answer: bytes, wanted: tuple[int, bytes]) -> None:
    async def run() -> None:
        async with served(saying(answer, count=1)) as (url, pool, _):
            assert await ask(pool, method, url) == wanted

    uvloop.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"nothing that is HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
    ],
)
def test_an_answer_that_breaks_off_is_an_error(answer: bytes) -> None:
    async def run() -> None:
        async with served(saying(answer, count=1)) as (url, pool, _):
            with pytest.raises(Broken):
                await ask(pool, "POST", url)

    uvloop.run(run())


def test_what_comes_unasked_ends_the_connection() -> None:
    """Else it would be taken for the answer to the next request."""

    async def run() -> None:
        async with served(saying(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")) as (url, pool, _):
            for _ in range(3):
                assert await ask(pool, "GET", url) == (200, b"ok")

    uvloop.run(run())


def test_a_body_is_sent_in_chunks_and_an_early_answer_stops_it() -> None:
    got: list[bytes] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    async def few() -> AsyncIterator[bytes]:
        for part in (b"abc", b"", b"de"):
            yield part

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "/refused" in await heads(reader):
            await reader.readexactly(1 << 17)
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await writer.drain()
            while await reader.read(1 << 16):
                pass
        else:
            got.append(await reader.readuntil(b"0\r\n\r\n"))
            writer.write(OK)

    async def run() -> None:
        async with served(peer) as (url, pool, _):
            assert await ask(pool, "PUT", url, few()) == (200, b"ok")
            assert await ask(pool, "PUT", f"{url}/refused", endless()) == (413, b"no")

    uvloop.run(run())
    assert got == [b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]


def test_a_body_that_can_not_be_read_fails_the_request() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ValueError("the disk is gone")

    async def run() -> None:
        async with served(saying(b"")) as (url, pool, _):
            with pytest.raises(ValueError, match="the disk is gone"):
                await ask(pool, "PUT", url, broken())

    uvloop.run(run())


def test_silence_is_bounded_while_we_wait_not_while_we_speak() -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.1)
            yield b"x"

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"0\r\n\r\n")
        await reader.read()

    async def run() -> None:
        async with served(peer) as (url, pool, _):
            began = asyncio.get_running_loop().time()
            with pytest.raises(TimeoutError):
                async with pool.request("PUT", url, {}, slow(), seconds=0.2):
                    pass
            assert asyncio.get_running_loop().time() - began > 0.5

    uvloop.run(run())


def test_a_slow_reader_holds_the_other_end_back() -> None:
    size, sent = 64 << 20, [0]

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heads(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent[0] < size:
            writer.write(bytes(1 << 18))
            await writer.drain()
            sent[0] += 1 << 18

    async def run() -> None:
        async with served(peer) as (url, pool, _), pool.request("GET", url, {}, seconds=WAIT) as answer:
            await asyncio.sleep(0.5)
            assert sent[0] < size
            assert sum([len(chunk) async for chunk in answer.chunks()]) == size

    uvloop.run(run())


def test_connections_to_one_server_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "AT_ONCE", 2)
    now, most = [0], [0]

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await heads(reader)
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0.01)
            now[0] -= 1
            writer.write(OK)

    async def run() -> None:
        async with served(peer) as (url, pool, met):
            assert await asyncio.gather(*(ask(pool, "GET", url) for _ in range(10))) == [(200, b"ok")] * 10
            assert met == [2] and most == [2]

    uvloop.run(run())


def test_who_stops_waiting_leaves_no_connection_behind() -> None:
    """The answer to an abandoned request is nobody else's."""

    async def run() -> None:
        async with served(saying(b"", OK)) as (url, pool, met):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await ask(pool, "GET", url)
            assert not pool._taken and not any(pool._free.values())
            assert met == [1]

    uvloop.run(run())


def test_a_request_holds_no_other() -> None:
    async def run() -> None:
        pool = Pool()
        for url in ("http://127.0.0.1/a b", "http://127.0.0.1/é d", "ftp://127.0.0.1/", "/nowhere"):
            with pytest.raises(ValueError, match=r"URL of HTTP|line ends"):
                await ask(pool, "GET", url)
        with pytest.raises(ValueError, match="line ends"):
            async with pool.request("GET", "http://127.0.0.1/", {"A": "b\r\nC: d"}, seconds=1):
                pass

    uvloop.run(run())


def test_nobody_there_is_an_error_of_the_system() -> None:
    async def run() -> None:
        async with served(saying(OK)) as (url, _, _):
            pass
        with pytest.raises(OSError, match=r"Connect|refused"):
            await ask(Pool(), "GET", url)

    uvloop.run(run())
