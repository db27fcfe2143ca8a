"""Invoices of subscriptions: draft, finalized, paid or tried again.

https://docs.stripe.com/billing/invoices/subscription: a renewal's invoice stays a draft for an
hour; a failed payment is tried again on the retry schedule.
"""

from sandbox.stripe import catalog, payments, shapes
from sandbox.stripe.errors import Object
from sandbox.stripe.world import World

DRAFT_FOR = 3600


def new_invoice(world: World, subscription: Object, reason: str, period: tuple[int, int]) -> Object:
    """A kept draft of what a subscription's items cost for their current period."""
    made = draft(world, subscription, reason, period)
    world.keep(made)
    subscription["latest_invoice"] = made["id"]
    world.emit("invoice.created", made)
    return made


def draft(world: World, subscription: Object, reason: str, period: tuple[int, int]) -> Object:
    """``period`` is the invoice's own, which Stripe lets end where the items' period begins."""
    customer = world.objects[subscription["customer"]]
    invoice_id = world.new_id("invoice")
    lines = [_line(world, invoice_id, subscription, item) for item in subscription["items"]["data"]]
    return shapes.blank(
        "invoice",
        **_totals(sum(line["amount"] for line in lines)),
        id=invoice_id,
        account_country="US",
        account_name=world.merchant,
        attempt_count=0,
        auto_advance=True,
        automatic_tax=shapes.part("invoice", "automatic_tax"),
        billing_reason=reason,
        collection_method="charge_automatically",
        created=world.now(),
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_exempt="none",
        customer_tax_ids=[],
        issuer={"account": None, "type": "self"},
        lines=shapes.a_list(f"/v1/invoices/{invoice_id}/lines", lines),
        metadata={},
        parent=_parent(subscription),
        payment_settings=shapes.part("invoice", "payment_settings"),
        period_end=period[1],
        period_start=period[0],
        status="draft",
        status_transitions=shapes.part("invoice", "status_transitions"),
    )


def _parent(subscription: Object) -> Object:
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
            "subscription_proration_date": None,
        },
        "type": "subscription_details",
    }


def _totals(total: int) -> Object:
    return {
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def _line(world: World, invoice_id: str, subscription: Object, item: Object) -> Object:
    price = item["price"]
    is_trial = (
        subscription["status"] == "trialing"
        and item["current_period_start"] < subscription["trial_end"]
    )
    amount = 0 if is_trial else price["unit_amount"] * item["quantity"]
    count = "Trial period for" if is_trial else f"{item['quantity']} ×"
    return shapes.blank(
        "line_item",
        id=world.new_id("line_item"),
        amount=amount,
        currency=price["currency"],
        description=f"{count} {catalog.describe(world, price)}",
        discount_amounts=[],
        discountable=True,
        invoice=invoice_id,
        metadata=dict(subscription["metadata"]),
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        pretax_credit_amounts=[],
        pricing={
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        subtotal=amount,
        taxes=[],
    )


def finalize(world: World, invoice: Object) -> None:
    """Gives the draft its number, its page and the payment that is to pay it."""
    customer = world.objects[invoice["customer"]]
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    invoice.update(
        auto_advance=True,
        automatically_finalizes_at=None,
        effective_at=world.now(),
        ending_balance=0,
        hosted_invoice_url=f"{world.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{world.base_url}/i/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        status="open",
    )
    invoice["status_transitions"]["finalized_at"] = world.now()
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        _request_payment(world, invoice)


def _request_payment(world: World, invoice: Object) -> None:
    intent = payments.new_intent(
        world,
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description={
            "subscription_create": "Subscription creation",
            "subscription_cycle": "Subscription update",
        }.get(invoice["billing_reason"], "Payment for Invoice"),
        metadata={},
        setup_future_usage="off_session",
    )
    world.add(
        "invoice_payment",
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"payment_intent": intent["id"], "type": "payment_intent"},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )


def payment_of(world: World, invoice_id: str) -> Object | None:
    """The invoice's default payment, once it is finalized."""
    for payment in world.all("invoice_payment"):
        if payment["invoice"] == invoice_id:
            return payment
    return None


def intent_of(world: World, invoice: Object) -> Object:
    payment = payment_of(world, invoice["id"])
    assert payment is not None
    intent: Object = world.objects[payment["payment"]["payment_intent"]]
    return intent


def subscription_of(world: World, invoice: Object) -> Object:
    subscription: Object = world.objects[invoice["parent"]["subscription_details"]["subscription"]]
    return subscription


def of_subscription(world: World, subscription_id: str) -> list[Object]:
    return [
        invoice
        for invoice in world.all("invoice")
        if invoice["parent"]["subscription_details"]["subscription"] == subscription_id
    ]


def latest_finalized(world: World, subscription_id: str) -> Object | None:
    """The invoice on which it depends whether the subscription is past due."""
    finalized = [i for i in of_subscription(world, subscription_id) if i["status"] != "draft"]
    return finalized[-1] if finalized else None


def void(world: World, invoice: Object) -> None:
    with world.changing(invoice, "invoice.updated"):
        invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
        invoice["status_transitions"]["voided_at"] = world.now()
    world.emit("invoice.voided", invoice)
    payment = payment_of(world, invoice["id"])
    if payment and payment["status"] == "open":
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = world.now()
        payments.cancel(world, intent_of(world, invoice), "void_invoice")


def mark_uncollectible(world: World, invoice: Object) -> None:
    with world.changing(invoice, "invoice.updated"):
        invoice.update(status="uncollectible", auto_advance=False, next_payment_attempt=None)
        invoice["status_transitions"]["marked_uncollectible_at"] = world.now()
    world.emit("invoice.marked_uncollectible", invoice)
