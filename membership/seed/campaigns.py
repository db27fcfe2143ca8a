"""Two letters of the demo's editor: one has reached its readers, one is still being written."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import case, exists, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, letter, sending
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.mail.models import MailRefusal, OutboxEmail
from membership.seed.calendar import Span

DAY = timedelta(days=1)
# One account in so many wants no such letters.
REFUSES = 40

SENT = campaigns.Draft(
    title="What the last months brought",
    subjects={"en": "What the last months brought", "uk": "Що принесли останні місяці"},
    bodies={
        "en": """Hello,

in the last months you paid for **three investigations** and more council meetings than anybody
should have to sit through. All of it is [free for everyone to read](/), because you give.

- a reporter spent six weeks with the minutes of the water board
- two lawyers read every line before it went out
- forty readers wrote to us, and we answered all of them

If there is a question that nobody asks, [put it on the list](/topics/suggest).

Hanna Marchenko, editor
""",
        "uk": """Вітаємо!

За останні місяці ви оплатили **три розслідування** і стільки засідань міської ради, скільки
нікому не варто висиджувати. Усе це [кожен може читати вільно](/), бо ви підтримуєте нас.

- репортерка шість тижнів читала протоколи водоканалу
- двоє юристів перевірили кожен рядок
- сорок читачів написали нам, і ми відповіли всім

Якщо є запитання, якого ніхто не ставить, [запишіть його](/topics/suggest).

Ганна Марченко, редакторка
""",
    },
    audience=Audience(standings=("current", "grace")),
)
DRAFT = campaigns.Draft(
    title="To who has never voted",
    subjects={"en": "You have a vote with us"},
    bodies={
        "en": """Hello,

you support us, and so you have a say in what we look into next. [The topics](/topics) wait for
you; it takes a minute, and nobody sees what you chose.
"""
    },
    audience=Audience(standings=("current", "grace"), votes="never"),
)


def two_letters(session: Session, span: Span, news: Mapping[str, Account]) -> None:
    """The first a week ago, the second since yesterday."""
    _some_refuse(session, span.now - 30 * DAY)
    at = span.now - 7 * DAY
    with clock.fixed(at):
        sent = campaigns.write(session, news["editor"], SENT)
        campaigns.schedule(session, sent, news["editor"], at)
        if sent.state == "awaiting_approval":
            campaigns.approve(session, sent, news["admin"])
        session.flush()
        sending.advance(session, sent.id)
    _has_left(session, sent, at)
    with clock.fixed(at + timedelta(minutes=20)):
        sending.advance(session, sent.id)
    with clock.fixed(span.now - DAY):
        campaigns.write(session, news["editor"], DRAFT)
    session.flush()


def _some_refuse(session: Session, at: datetime) -> None:
    refusing = select(Account.email, literal(letter.KIND), literal(at)).where(
        Account.id % REFUSES == 0, Account.role.is_(None)
    )
    session.execute(
        insert(MailRefusal)
        .from_select(["address", "kind", "created_at"], refusing)
        .on_conflict_do_nothing()
    )
    # Who counts a campaign's readers asks this for each of them.
    session.execute(text("ANALYZE mail_refusal"))


def _has_left(session: Session, sent: Campaign, at: datetime) -> None:
    """As the outbox would have done it, fifty a second."""
    refused = exists().where(
        MailRefusal.address == OutboxEmail.recipient, MailRefusal.kind == letter.KIND
    )
    left_at = literal(at) + OutboxEmail.id % 500 * timedelta(milliseconds=20)
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.campaign_id == sent.id)
        .values(
            state=case((refused, "suppressed"), else_="sent"),
            last_error=case((refused, "refused by the reader")),
            attempts=case((refused, 0), else_=1),
            sent_at=case((~refused, left_at)),
            settled_at=left_at,
        )
        .execution_options(synchronize_session=False)
    )
