"""Tasks of mail: call one function of the feature, which opens its own short transactions."""

from celery import shared_task

from membership.mail import delivery


@shared_task(name="mail.deliver")
def deliver() -> None:
    """Send what is due."""
    delivery.take_turns()
