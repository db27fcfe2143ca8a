"""Sessions and transactions over PostgreSQL, and what every table shares.

All work with the database happens inside `with transaction() as session:`; functions of the
features take that session and never commit by themselves.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from select import POLLIN, poll
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    Identity,
    MetaData,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import CITEXT, JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    SessionTransaction,
    mapped_column,
    sessionmaker,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


# Of a bigint; a number from outside that is larger is no row's, and PostgreSQL would not take it.
LARGEST_ID = 2**63 - 1


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        int: BigInteger,
    }


class Numbered:
    """A row with a plain number as its key."""

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)


EmailAddress = CITEXT

_sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_statements: sessionmaker[Session] = sessionmaker(
    expire_on_commit=False, info={"commits_each": True}
)


def connect(url: str) -> Engine:
    """Open the pool that every transaction() uses from now on; a dead connection is noticed."""
    engine = create_engine(
        url,
        # Values are names and addresses; they have no place in a log (rule S10).
        hide_parameters=True,
        pool_size=10,
        max_overflow=10,
        connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    event.listen(engine, "checkout", _insist_on_life)
    use(engine)
    return engine


def _insist_on_life(connection: Any, _record: object, _proxy: object) -> None:
    """Let the pool connect anew when the server has hung up.

    It does so by sending something, which can be seen on this side; to ask it first, as the pool
    would, costs every transaction a round trip.
    """
    if connection.closed:
        raise DisconnectionError
    unasked = poll()
    unasked.register(connection.pgconn.socket, POLLIN)
    if unasked.poll(0):
        raise DisconnectionError


def disconnect() -> None:
    """Forget the pool's connections without closing them: a forked child must not share them."""
    engine = _sessions.kw["bind"]
    engine.dispose(close=False)


def use(bind: object, **options: Any) -> None:
    """Let transaction() and statements() run on `bind`, a connection or an engine."""
    _sessions.configure(bind=bind, **options)
    if isinstance(bind, Engine):
        bind = bind.execution_options(isolation_level="AUTOCOMMIT")
    _statements.configure(bind=bind, **options)


@contextmanager
def transaction() -> Iterator[Session]:
    """A session whose work is committed at the end of the block, or rolled back as a whole."""
    with _sessions.begin() as session:
        yield session


@contextmanager
def statements() -> Iterator[Session]:
    """A session whose every statement is a transaction of its own: one round trip, not three.

    For what one statement decides and does. Nothing is taken back, whatever happens afterwards;
    what is to happen around a commit, or to be locked until one, is refused.
    """
    with _statements.begin() as session:
        yield session


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Do `act` once this session's whole transaction has been committed, and not otherwise.

    A savepoint that was rolled back takes nothing back: `act` must be harmless then.
    """
    _insist_on_transaction(session)
    session.info.setdefault("after_commit", []).append(act)


def before_commit(session: Session, act: Callable[[], None]) -> None:
    """Do `act` as the last thing of this session's whole transaction, just before its commit.

    For what must not hold others up for long: everything else has been written by then. Goes with
    the savepoint in which it was put down.
    """
    _insist_on_transaction(session)
    innermost = session.get_nested_transaction() or session.get_transaction() or session.begin()
    _acts_before_commit(session).setdefault(innermost, []).append(act)


def _insist_on_transaction(session: Session) -> None:
    if "commits_each" in session.info:
        raise RuntimeError("statements() has no transaction: use transaction()")


Acts = list[Callable[[], None]]


def _acts_before_commit(session: Session) -> MutableMapping[SessionTransaction | None, Acts]:
    """By the savepoint or transaction that must hold for them."""
    found: MutableMapping[SessionTransaction | None, Acts]
    found = session.info.setdefault("before_commit", WeakKeyDictionary())
    return found


@event.listens_for(Session, "before_commit")
def _run_before_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    # Also what these put down themselves.
    for act in _acts_before_commit(session).get(session.get_transaction(), []):
        act()


@event.listens_for(Session, "after_commit")
def _run_after_commit(session: Session) -> None:
    # SQLAlchemy tells of released savepoints, too; nobody else sees their rows yet.
    if savepoint := session.get_nested_transaction():
        acts = _acts_before_commit(session)
        acts.setdefault(savepoint.parent, []).extend(acts.pop(savepoint, []))
        return
    for act in session.info.pop("after_commit", []):
        act()


@event.listens_for(Session, "after_rollback")
def _forget_after_rollback(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop("after_commit", None)


def lock(session: Session, subject: str, *, shared: bool = False) -> None:
    """Wait until no other transaction holds `subject`; held until this transaction ends.

    Any number may hold it `shared` at once. For subjects that may have no row yet; where there is a
    row, lock the row.
    """
    _insist_on_transaction(session)
    take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    session.execute(select(take(func.hashtextextended(subject, 0))))


def database_now(session: Session) -> datetime:
    """The database's clock, at this statement."""
    found: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found
