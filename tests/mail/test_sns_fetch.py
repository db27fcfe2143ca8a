"""Asking Amazon for what its messages name, over a socket and TLS."""

import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from membership import clock
from membership.mail.sns import LARGEST_ANSWER, AmazonAwayError, fetch


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/moved?": 302, "/gone?": 404}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"x" * 100_000 if self.path == "/long?" else self.path.encode())

    def log_message(self, *args: object) -> None:
        """What is asked for is nothing to log."""


def certificate(folder: Path) -> Path:
    """Of "localhost", signed by itself, with its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "localhost.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM) + pem)
    return file


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(trusted: Path) -> Iterator[str]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(trusted)
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = tls.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"https://localhost:{running.server_port}"
        running.shutdown()
        thread.join()


def test_what_stands_there_is_given_up_to_a_size(
    server: str, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M4]"""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    assert fetch(f"{server}/?Action=ConfirmSubscription") == b"/?Action=ConfirmSubscription"
    assert len(fetch(f"{server}/long")) == LARGEST_ANSWER


@pytest.mark.parametrize("path", ["/moved", "/gone"])
def test_a_redirect_is_no_answer(
    server: str, trusted: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """[M4] It could lead anywhere, into the newsroom's own network, too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with pytest.raises(AmazonAwayError):
        fetch(f"{server}{path}")


def test_whoever_has_no_certificate_that_we_trust_is_not_asked(server: str) -> None:
    """[M4]"""
    with pytest.raises(AmazonAwayError, match="SSLCertVerificationError"):
        fetch(f"{server}/")


def test_nobody_there() -> None:
    with pytest.raises(AmazonAwayError, match="ConnectionRefusedError"):
        fetch("https://127.0.0.1:1/")
