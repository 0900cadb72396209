"""Answering: the application on a socket, until it is told to stop."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import uvicorn
from fastapi import APIRouter, FastAPI

from ringfence.api.app import CIRCLE, Served, create_app
from ringfence.api.reception import Reception
from ringfence.errors import BadInput

LOOPBACK = "127.0.0.1"


class Tls(NamedTuple):
    """The certificate with its chain, and its private key without a password; files in PEM."""

    certificate: Path
    private_key: Path

    def require_usable(self) -> None:
        """Errors: BadInput for files that cannot be read or do not belong together."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.private_key, password="")
        except (OSError, ssl.SSLError) as error:
            given = f"{self.certificate}, {self.private_key}"
            expected = f"a certificate in PEM and the private key that belongs to it, without a password ({error})"
            raise BadInput("--certificate", given, expected, "PEM 证书及与之匹配、未加密的私钥") from error


def listen(port: int, host: str = LOOPBACK, tls: Tls | None = None) -> socket.socket:
    """Take a port, of this machine alone unless another address of it is named; 0: one that is free.

    Errors: BadInput where others could listen in, since there is no certificate; where somebody else has the port.
    """
    try:
        alone = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise BadInput("--host", host, "an address of this machine such as 127.0.0.1 or 0.0.0.0", "本机地址") from None
    if tls is None and not alone:
        raise BadInput("--host", host, "127.0.0.1; others are served with --certificate and --private-key only", "127.0.0.1;对外服务须提供证书")  # fmt: skip
    if tls is not None:
        tls.require_usable()
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise BadInput("--port", port, f"a port that is free ({error.strerror})", "空闲端口") from error
    # Whoever asks before it answers waits, and is not turned away.
    listening.listen(128)
    return listening


def address(listening: socket.socket, tls: Tls | None = None) -> str:
    """Where it can be asked."""
    host, port = listening.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


class Server(uvicorn.Server):
    """Ends what is streaming before it waits for connections to close, which would otherwise never happen."""

    def __init__(self, config: uvicorn.Config, service: Reception) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        for end in self._service.ending:
            end()
        await super().shutdown(sockets)


def server(
    service: Served,
    *more: Callable[[FastAPI, Served], None],
    routers: Sequence[APIRouter] = CIRCLE,
    tls: Tls | None = None,
) -> Server:
    """A server over `service`, as create_app makes it; `run(sockets=[...])` answers until `should_exit`."""
    config = uvicorn.Config(
        create_app(service, *more, routers=routers),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on" if more else "off",
        # Connections that are idle, and those that are open when it is to end.
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
        ssl_certfile=tls and tls.certificate,
        ssl_keyfile=tls and str(tls.private_key),
    )
    return Server(config, service)
