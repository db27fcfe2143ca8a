"""Tables of who signs in: accounts, sign-in requests, sign-ins, and the audit log."""

from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered

ROLES = ("reporter", "editor", "finance", "admin")
# Written for the one of a keyboard.
APOSTROPHES, QUOTED = "’ʼ`", "''"
# As in spelled(). As PostgreSQL spells it back, so that `migrate --check` sees no difference.
NAME_WORDS = (
    "to_tsvector('simple'::regconfig, translate(NORMALIZE(COALESCE(name, ''::text), NFC),"
    f" '{APOSTROPHES}'::text, '{QUOTED * len(APOSTROPHES)}'::text))"
)


class Account(Numbered, Base):
    """A login identity; it may give (a patron), be staff, or both."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", name="role"),
        # Staff look for the beginning of a name's words, and of an address (below).
        Index("ix_account_name_words", text(NAME_WORDS), postgresql_using="gin"),
        Index("ix_account_merged", "merged_into_id", postgresql_where="merged_into_id IS NOT NULL"),
        # The list of patrons asks what was merged lately.
        Index("ix_account_merged_at", "merged_at", postgresql_where="merged_at IS NOT NULL"),
    )

    email: Mapped[str] = mapped_column(EmailAddress, unique=True)
    # An address is verified by the first sign-in through a mail sent to it, never by a payment.
    verified_at: Mapped[datetime | None]
    name: Mapped[str | None]
    language: Mapped[str]
    role: Mapped[str | None]
    # Asked for by the person; until then it can be taken back (rule S11).
    delete_after_at: Mapped[datetime | None] = mapped_column(index=True)
    # Since then the row names nobody; what refers to it stays.
    deleted_at: Mapped[datetime | None]
    # The account of the same person that was kept, and has all that this one had.
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    merged_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def is_staff(self) -> bool:
        return self.role is not None

    @property
    def is_leaving(self) -> bool:
        """The person asked to be deleted, or was."""
        return self.delete_after_at is not None


def spelled(text: str) -> str:
    """A name, or a part of one, as names are looked for: composed, and with one apostrophe."""
    one = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))
    return normalize("NFC", text).translate(one)


# What staff look into: the address (citext itself knows no index of beginnings), and the name.
address = func.lower(cast(Account.email, Text))
name_words: ColumnElement[Any] = literal_column(
    NAME_WORDS.replace("(name", "(account.name"), TSVECTOR
)
Index(
    "ix_account_address", address.label("address"), postgresql_ops={"address": "text_pattern_ops"}
)


class SignInRequest(Base):
    """One asked-for sign-in: a link and a code, of which only hashes are kept (rule S2)."""

    __tablename__ = "sign_in_request"
    __table_args__ = (Index(None, "address_hash", "created_at"),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes]
    # Hash of the cookie of the browser that asked: link and code work there alone.
    browser_hash: Mapped[bytes] = mapped_column(index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    # Keyed hash of the address, known or not: how often it was asked for and guessed at.
    address_hash: Mapped[bytes]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_path: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


class SignIn(Base):
    """A signed-in browser; what Flask-Login keeps is this row's token (rule S4)."""

    __tablename__ = "sign_in"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AddressChange(Base):
    """The new address an account has asked for, until its reader has shown that it is theirs."""

    __tablename__ = "address_change"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    address: Mapped[str] = mapped_column(EmailAddress)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class Note(Numbered, Base):
    """What staff wrote down about an account, for staff alone."""

    __tablename__ = "note"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    author_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    # "note", or "call": what was said when they were called.
    kind: Mapped[str] = mapped_column(default="note", server_default="note")
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuditEntry(Numbered, Base):
    """Who did what, hash-chained; the database refuses to change or delete a row (rule S9)."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "subject", "id"),)

    # No foreign key: an entry outlives the account that caused it.
    actor_id: Mapped[int | None]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
