"""Tasks of imports: call one function of the feature."""

from celery import shared_task

from membership.arrivals import runs


@shared_task(name="arrivals.go_on")
def go_on() -> None:
    """Looks and imports that are due; their transactions are their own."""
    runs.go_on()
    runs.forget_old()
