"""Connections go to whom the named authority vouches for, and to nobody else."""

import asyncio
import importlib.util
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tinstack.core.client import Http, ServiceUnreachable
from tinstack.core.tls import trusting

MODULE = Path(__file__).parents[3] / "roles" / "certificates" / "library" / "certificates.py"


def make(folder: Path, alternatives: list[str]) -> Path:
    """An authority and the certificate of a host, as a deployment makes them."""
    spec = importlib.util.spec_from_file_location("certificates", MODULE)
    assert spec and spec.loader
    certificates = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(certificates)
    host = {"name": "ctl", "alternatives": alternatives, "certificate_file": None, "key_file": None}
    wanted = {"directory": str(folder), "name": "lab", "hosts": [host], "days": 397, "ca_days": 3650, "renew_days": 30}
    wanted |= {"trust_file": None, "signer_file": None, "signer_key_file": None, "new_keys": False}
    certificates.have(wanted, check=False)
    return folder


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    await writer.drain()
    writer.close()


class Served:
    """A service behind TLS."""

    def __init__(self, pki: Path) -> None:
        self.pki, self.port = pki, 0

    @property
    def ca(self) -> str:
        return str(self.pki / "ca.pem")

    async def start(self) -> asyncio.Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki / "hosts" / "ctl.pem", self.pki / "hosts" / "ctl.key")
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        return server


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    one = Served(make(tmp_path / "ca", ["127.0.0.1", "ctl"]))
    server = await one.start()
    yield one
    server.close()


async def get(ca: str | None, url: str) -> int:
    http = Http(ca)
    try:
        return (await http.send("GET", url)).status
    finally:
        await http.close()


async def test_a_service_with_the_labs_certificate_is_talked_to(served: Served) -> None:
    assert await get(served.ca, f"https://127.0.0.1:{served.port}/") == 200


async def test_a_service_of_another_authority_is_not(served: Served, tmp_path: Path) -> None:
    other = make(tmp_path / "other", ["127.0.0.1"])
    with pytest.raises(ServiceUnreachable, match="certificate verify failed"):
        await get(str(other / "ca.pem"), f"https://127.0.0.1:{served.port}/")


async def test_nor_one_whom_only_the_lab_vouches_for_where_no_authority_is_named(served: Served) -> None:
    with pytest.raises(ServiceUnreachable, match="certificate verify failed"):
        await get(None, f"https://127.0.0.1:{served.port}/")


async def test_nor_one_with_the_certificate_of_another_host(served: Served) -> None:
    with pytest.raises(ServiceUnreachable, match="localhost"):
        await get(served.ca, f"https://localhost:{served.port}/")


def test_nothing_below_tls_1_2_is_spoken(served: Served) -> None:
    context = trusting(served.ca)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
