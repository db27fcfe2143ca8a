"""Tasks of voting: each calls one function of the feature."""

from celery import shared_task

from membership.voting import rounds


@shared_task(name="voting.advance_rounds")
def advance_rounds() -> None:
    """Open, close and settle the rounds that are due by the database's clock."""
    rounds.advance_all()
