"""Messages of an Amazon SNS topic, as it posts them: whether it did, and what it says.

docs.aws.amazon.com/sns: "sns-verify-signature-of-message", "http-subscription-confirmation-json".
"""

import re
from base64 import b64decode
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate
from pydantic import Field

from membership import clock
from membership.mail.bounces import NotSignedError
from membership.mail.payload import Payload, read_json

HASHES = {"1": SHA1, "2": SHA256}
# What is signed, in this order, as far as it is there.
SIGNED = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
# Nothing may follow: what is asked for is kept by its address.
CERTIFICATE = re.compile(r"https://[^/]+/SimpleNotificationService-[0-9a-zA-Z]+\.pem")
TIMEOUT_SECONDS = 5
LARGEST_ANSWER = 64 * 1024


class AmazonAwayError(RuntimeError):
    """Amazon does not give what we must ask it for; it sends the message again later."""


class Message(Payload):
    """What stands around a topic's message; `text` is what was published."""

    type: str = Field(alias="Type")
    topic: str = Field(alias="TopicArn")
    text: str = Field(alias="Message")
    id: str = Field(alias="MessageId")
    timestamp: str = Field(alias="Timestamp")
    subject: str | None = Field(alias="Subject", default=None)
    token: str | None = Field(alias="Token", default=None)
    subscribe_url: str | None = Field(alias="SubscribeURL", default=None)
    signature: str = Field(alias="Signature")
    signature_version: str = Field(alias="SignatureVersion")
    certificate_url: str = Field(alias="SigningCertURL")

    @property
    def is_confirmation(self) -> bool:
        """Whether the topic asks if it may post here."""
        return self.type == "SubscriptionConfirmation"

    @property
    def is_notification(self) -> bool:
        return self.type == "Notification"

    def signed_text(self) -> bytes:
        said = self.model_dump(by_alias=True, exclude_none=True)
        return "".join(f"{name}\n{said[name]}\n" for name in SIGNED if name in said).encode()


class Amazon:
    """Speaks with Amazon; keeps its public keys by their address, each asked for once."""

    def __init__(self, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch
        self._keys: dict[str, RSAPublicKey] = {}

    def read(self, body: bytes, topic: str) -> Message:
        """The message in `body`, signed by Amazon and from `topic`.

        Raises NotSignedError, UnreadableError and AmazonAwayError.
        """
        message = read_json(Message, body)
        # Anybody may have a topic that Amazon signs for, so what is not ours asks for nothing.
        if message.topic != topic:
            raise NotSignedError("it is not from our topic")
        _insist_on_amazon(message.certificate_url, topic)
        if not CERTIFICATE.fullmatch(message.certificate_url):
            raise NotSignedError("its certificate is not one of SNS")
        algorithm = HASHES.get(message.signature_version)
        if algorithm is None:
            raise NotSignedError("its signature's version is unknown")
        try:
            signature = b64decode(message.signature, validate=True)
            key = self._key(message.certificate_url)
            key.verify(signature, message.signed_text(), PKCS1v15(), algorithm())
        except (ValueError, InvalidSignature) as error:
            raise NotSignedError("the signature is wrong") from error
        return message

    def confirm(self, message: Message) -> None:
        """Tell the topic of a confirmation that it may post here.

        Raises NotSignedError and AmazonAwayError.
        """
        _insist_on_amazon(message.subscribe_url or "", message.topic)
        self._fetch(message.subscribe_url or "")

    def _key(self, url: str) -> RSAPublicKey:
        if url not in self._keys:
            self._keys[url] = _public_key(self._fetch(url))
        return self._keys[url]


def fetch(url: str) -> bytes:
    """What stands at an https:// address; a redirect is no answer. Raises AmazonAwayError."""
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        content = answer.read(LARGEST_ANSWER)
    except (OSError, HTTPException, ValueError) as error:
        raise AmazonAwayError(f"{type(error).__name__} at {parts.netloc}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise AmazonAwayError(f"{answer.status} at {parts.netloc}")
    return content


def _insist_on_amazon(url: str, topic: str) -> None:
    """`url` must be SNS' own, in the region of `topic` (arn:aws:sns:REGION:account:name).

    Any other region is refused: sns.s3.amazonaws.com is whoever owns the bucket called "sns".
    """
    parts = topic.split(":")
    host = f"sns.{parts[3]}.amazonaws.com" if len(parts) == 6 else ""
    if not host or not url.startswith(f"https://{host}/"):
        raise NotSignedError("it names an address that is not Amazon's, in our topic's region")


def _public_key(pem: bytes) -> RSAPublicKey:
    try:
        certificate = load_pem_x509_certificate(pem)
    except ValueError as error:
        raise NotSignedError("its certificate cannot be read") from error
    if not certificate.not_valid_before_utc <= clock.now() <= certificate.not_valid_after_utc:
        raise NotSignedError("its certificate is not valid now")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NotSignedError("its certificate holds no RSA key")
    return key
