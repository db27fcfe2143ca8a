"""Charges and the balance transactions that they, refunds and disputes make."""

from stripe.params import (
    BalanceTransactionListParams,
    BalanceTransactionRetrieveParams,
    ChargeListParams,
    ChargeRetrieveParams,
)

from sandbox.stripe import amounts, cards, shapes
from sandbox.stripe.billing_cycle import DAY
from sandbox.stripe.errors import Object
from sandbox.stripe.listing import listing
from sandbox.stripe.routes import retrieve
from sandbox.stripe.world import World, due

FUNDS_AVAILABLE_AFTER = 7 * DAY


def new_charge(
    world: World, intent: Object, method: Object, status: str, decline: cards.Decline | None
) -> Object:
    paid = decline is None
    charge_id = world.new_id("charge")
    return world.add(
        "charge",
        id=charge_id,
        amount=intent["amount"],
        amount_captured=intent["amount"] if paid else 0,
        amount_refunded=0,
        billing_details=method["billing_details"],
        calculated_statement_descriptor=world.merchant.upper()[:22],
        captured=paid,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        failure_code=decline and decline.code,
        failure_message=decline and decline.message,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=_outcome(decline),
        paid=paid,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={
            "type": "card",
            "card": _card_details(method, intent["amount"] if paid else None),
        },
        receipt_email=intent["receipt_email"],
        receipt_url=f"{world.base_url}/receipts/{charge_id}" if paid else None,
        status=status,
    )


def _card_details(method: Object, authorized: int | None) -> Object:
    card = method["card"]
    same = [
        "brand",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
    ]
    return shapes.part(
        "charge",
        "payment_method_details",
        "card",
        **{name: card[name] for name in same},
        amount_authorized=authorized,
        checks={"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        network=card["brand"],
        network_token={"used": False},
    )


def _outcome(decline: cards.Decline | None) -> Object:
    if decline is None:
        return shapes.part(
            "charge", "outcome", network_status="approved_by_network", risk_level="normal",
            risk_score=12, seller_message="Payment complete.", type="authorized",
        )  # fmt: skip
    return shapes.part(
        "charge",
        "outcome",
        advice_code=decline.advice_code,
        network_status="declined_by_network",
        reason=decline.decline_code or decline.code,
        risk_level="normal",
        risk_score=12,
        seller_message="The bank did not return any further details with this decline.",
        type="issuer_declined",
    )


def credit(world: World, charge: Object) -> Object:
    taken = amounts.fee(charge["amount"])
    made = new_balance_transaction(
        world, charge["amount"], charge["currency"], "charge", charge["id"], taken
    )
    made["description"] = charge["description"]
    return made


def new_balance_transaction(
    world: World, amount: int, currency: str, kind: str, source: str, taken: int = 0
) -> Object:
    """What a charge, refund or dispute moves on the balance: amount, fee, net in minor units."""
    detail = {
        "amount": taken,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    made = world.add(
        "balance_transaction",
        amount=amount,
        available_on=world.now() + FUNDS_AVAILABLE_AFTER,
        balance_type="payments",
        currency=currency,
        fee=taken,
        fee_details=[detail] if taken else [],
        net=amount - taken,
        reporting_category="dispute" if kind == "adjustment" else kind,
        source=source,
        status="pending",
        type=kind,
    )
    world.schedule(made["available_on"], "balance_transaction.available", made["id"])
    return made


@due("balance_transaction.available")
def make_available(world: World, transaction_id: str) -> None:
    world.objects[transaction_id]["status"] = "available"


retrieve("charge", "/charges", ChargeRetrieveParams)


listing("charge", "/charges", ChargeListParams, "customer payment_intent created")


retrieve("balance_transaction", "/balance_transactions", BalanceTransactionRetrieveParams)


listing(
    "balance_transaction",
    "/balance_transactions",
    BalanceTransactionListParams,
    "type source currency created",
)
