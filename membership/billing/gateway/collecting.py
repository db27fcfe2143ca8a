"""What we ask Stripe to do about a payment that failed."""

from membership.billing.gateway.client import stripe_client
from membership.billing.gateway.errors import said_in_our_words


def pay_invoice(invoice_id: str, payment_method_id: str, idempotency_key: str) -> None:
    """Charge an open invoice now, to this card; Stripe never charges one that is paid."""
    with said_in_our_words():
        stripe_client().v1.invoices.pay(
            invoice_id,
            {"payment_method": payment_method_id, "off_session": True},
            {"idempotency_key": idempotency_key},
        )


def void_invoice(invoice_id: str) -> None:
    """Let nobody pay an open invoice any more, also not on the page that Stripe shows of it."""
    with said_in_our_words():
        stripe_client().v1.invoices.void_invoice(invoice_id)


def collect_again(subscription_id: str) -> None:
    """Go on trying to charge the open invoices of a subscription, where that was stopped."""
    with said_in_our_words():
        found = stripe_client().v1.invoices.list(
            {"subscription": subscription_id, "status": "open", "limit": 10}
        )
        for each in found.data:
            if not each.auto_advance:
                stripe_client().v1.invoices.update(each.id, {"auto_advance": True})


def use_card(subscription_id: str, payment_method_id: str) -> None:
    """Charge a subscription to this card of its customer from now on."""
    with said_in_our_words():
        stripe_client().v1.subscriptions.update(
            subscription_id, {"default_payment_method": payment_method_id}
        )
