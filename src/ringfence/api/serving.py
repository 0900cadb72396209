"""Answering: the application on a socket, until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from ringfence.api.app import create_app
from ringfence.api.service import Service
from ringfence.errors import BadInput

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Take a port of this machine alone; 0: one that is free. Errors: BadInput where somebody else has it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise BadInput("--port", port, f"a port that is free ({error.strerror})", "空闲端口") from error
    # Whoever asks before it answers waits, and is not turned away.
    listening.listen(128)
    return listening


def address(listening: socket.socket) -> str:
    """Where it can be asked."""
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}"


class Server(uvicorn.Server):
    """Ends what is streaming before it waits for connections to close, which would otherwise never happen."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        for end in self._service.ending:
            end()
        await super().shutdown(sockets)


def server(service: Service, *more: Callable[[FastAPI, Service], None]) -> Server:
    """A server over `service`; `run(sockets=[...])` answers until `should_exit`."""
    config = uvicorn.Config(
        create_app(service, *more),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on" if more else "off",
        # Connections that are idle, and those that are open when it is to end.
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
    )
    return Server(config, service)
