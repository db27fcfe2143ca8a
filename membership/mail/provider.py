"""The mail server as all workers see it: whether it may be spoken to, and how fast (rule M5).

One row for each host, and the database's clock, on which workers agree.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from config.settings import settings
from membership.mail.smtp import gist

log = structlog.get_logger(__name__)

# Seconds, longer each time that it sends us away again.
PAUSES = (15, 30, 60, 120, 300)
# A tenth slower than it allows: a turn may be taken up to SLACK seconds late without the next being
# later for that, and a mail may be held up on its way; still no second sees one too many.
SLOWER = 1.1
SLACK = 0.05

_SEEN = text(
    "SELECT coalesce(paused_until_at > clock_timestamp(), false) AS is_paused, refusals"
    " FROM mail_provider WHERE name = :name"
)
_TURN = text("""
    WITH clock AS (SELECT extract(epoch FROM clock_timestamp()) AS now),
    taken AS (
        INSERT INTO mail_provider AS known (name, next_free)
        SELECT :name, now + :apart FROM clock
        ON CONFLICT (name) DO UPDATE SET next_free =
            greatest(known.next_free, extract(epoch FROM clock_timestamp()) - :slack) + :apart
        WHERE known.next_free <= extract(epoch FROM clock_timestamp())
        RETURNING 0.0 AS seconds
    )
    SELECT seconds FROM taken
    UNION ALL
    SELECT greatest(next_free - now, 0.001) FROM mail_provider, clock
    WHERE name = :name AND NOT EXISTS (SELECT FROM taken)
""")
_PAUSE = text("""
    INSERT INTO mail_provider AS known (name, refusals, pause_reason, paused_until_at)
    VALUES (:name, 1, :reason, clock_timestamp() + make_interval(secs => (:pauses)[1]))
    ON CONFLICT (name) DO UPDATE SET
        refusals = least(known.refusals + 1, :most),
        pause_reason = excluded.pause_reason,
        paused_until_at = clock_timestamp()
            + make_interval(secs => (:pauses)[least(known.refusals + 1, :most)])
    WHERE known.paused_until_at IS NULL OR known.paused_until_at <= clock_timestamp()
    RETURNING refusals
""")
_RECOVERY = text(
    "UPDATE mail_provider SET refusals = 0, pause_reason = '', paused_until_at = NULL"
    " WHERE name = :name AND paused_until_at <= clock_timestamp()"
)


@dataclass(frozen=True)
class Seen:
    """Whether it is left alone now, and whether it sent us away when we spoke to it last."""

    is_paused: bool
    was_away: bool


def look(session: Session) -> Seen:
    row = session.execute(_SEEN, {"name": _name()}).one_or_none()
    return Seen(row.is_paused, row.refusals > 0) if row else Seen(False, False)


def turn(session: Session) -> float:
    """Take a turn under MAIL_RATE if there is one: 0; else after how many seconds to ask again.

    All workers share the time of the next turn (the generic cell rate algorithm), so that together
    they are never faster; nobody takes one ahead, so that what is urgent gets the next.
    """
    rate = settings().mail_rate
    if not rate:
        return 0.0
    values = {"name": _name(), "apart": SLOWER / rate, "slack": SLACK}
    return float(session.execute(_TURN, values).scalar_one())


def pause(session: Session, said: str) -> None:
    """It has sent us away: let all workers leave it alone, longer each time in a row.

    Nothing happens when another worker has said so already.
    """
    reason = gist(said)
    values = {"name": _name(), "reason": reason, "pauses": list(PAUSES), "most": len(PAUSES)}
    refusals = session.execute(_PAUSE, values).scalar_one_or_none()
    if refusals is not None:
        seconds = PAUSES[refusals - 1]
        log.warning("mail_server_away", reason=reason, seconds=seconds, in_a_row=refusals)


def recover(session: Session) -> None:
    """It took a mail: forget that it ever sent us away, unless it has just done so again."""
    session.execute(_RECOVERY, {"name": _name()})


def _name() -> str:
    return urlsplit(settings().smtp_url).hostname or "localhost"
