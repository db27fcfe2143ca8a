"""How many statements something sends to the database."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session


def number_of_queries(session: Session, act: Callable[[], object]) -> int:
    """Statements that `act` sends, with nothing remembered from before."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE")):
            statements.append(statement)

    session.flush()
    session.expire_all()
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return len(statements)
