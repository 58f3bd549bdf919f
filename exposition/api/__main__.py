"""`make api`: serve the API of a home, on this machine's own address or with TLS."""

import argparse
import ipaddress
import ssl
import sys
from pathlib import Path

from exposition.api.app import create_app
from exposition.api.released_metrics import ReleasedMetrics
from tradehouse.errors import UsageError
from tradehouse.home.paths import find_home
from tradehouse.terminal import exits

HOST, PORT = "127.0.0.1", 8000
HEADER_BYTES = 16_384
CONNECTIONS = 200


def main() -> None:
    """Serve until a signal comes; the process ends with a documented exit code."""
    exits.run(serve)


def serve() -> None:
    """Serve the API.

    Raises:
        UsageError: when it would be reachable from elsewhere without TLS, or cannot listen.
    """
    import uvicorn

    options = _options()
    require_secure(options.host, options.certificate, options.key)
    home = find_home()
    home.prepare()
    scheme = "https" if options.certificate else "http"
    config = uvicorn.Config(
        create_app(home, ReleasedMetrics()),
        host=options.host,
        port=options.port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        http="h11",  # The other one has no limit for headers.
        h11_max_incomplete_event_size=HEADER_BYTES,
        ws="none",
        lifespan="off",
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=10,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
    require_free(options.host, options.port)
    print(f"The API of {home.root}: {scheme}://{_shown(options.host)}:{options.port}/docs")
    print("Ctrl-C ends it.", flush=True)
    uvicorn.Server(config).run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make api", description=__doc__)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--certificate", type=Path, help="PEM file with the certificate's chain")
    parser.add_argument("--key", type=Path, help="PEM file with its key")
    return parser.parse_args()


def require_secure(host: str, certificate: Path | None, key: Path | None) -> None:
    """Refuse to serve anybody else without TLS, and TLS files that cannot be used.

    Raises:
        UsageError: when that is asked for.
    """
    if (certificate is None) is not (key is None):
        raise UsageError("TLS needs both files: make api CERTIFICATE=chain.pem KEY=key.pem.")
    if certificate is None or key is None:
        if not is_loopback(host):
            raise UsageError(
                f"{host} can be reached from other machines, and tokens would pass there "
                "unencrypted. Give TLS files (make api HOST=... CERTIFICATE=chain.pem "
                "KEY=key.pem), or leave HOST out: 127.0.0.1."
            )
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{certificate} and {key} cannot be used for TLS ({error}). They should be a "
            "certificate's chain and its key without a password, both PEM."
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_free(host: str, port: int) -> None:
    """Refuse a port that cannot be listened at.

    Raises:
        UsageError: when it is taken, or none.
    """
    import socket

    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"The API cannot listen at {host}, port {port} ({error}). Choose another port, such "
            "as make api PORT=8010."
        ) from error


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
    sys.exit(0)
