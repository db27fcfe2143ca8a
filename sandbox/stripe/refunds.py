"""Money that goes back: refunds, disputes, and the warnings before them."""

from typing import Any

from stripe.params import (
    DisputeListParams,
    DisputeRetrieveParams,
    RefundCreateParams,
    RefundListParams,
    RefundRetrieveParams,
)
from stripe.params.radar import EarlyFraudWarningListParams, EarlyFraudWarningRetrieveParams

from sandbox.stripe import shapes
from sandbox.stripe.amounts import display
from sandbox.stripe.billing_cycle import DAY
from sandbox.stripe.charges import new_balance_transaction
from sandbox.stripe.errors import Object, invalid
from sandbox.stripe.listing import included, listing, page
from sandbox.stripe.routes import retrieve, route
from sandbox.stripe.world import World, due

DISPUTE_FEE = 1500
EVIDENCE_WITHIN = 9 * DAY


@route("POST", "/refunds", RefundCreateParams, "charge payment_intent amount reason metadata")
def create(world: World, params: dict[str, Any]) -> Object:
    charge = _charge_to_refund(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if charge["disputed"]:
        raise invalid(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    amount = params.get("amount", left)
    if amount <= 0:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        currency = charge["currency"]
        raise invalid(
            f"Refund amount ({display(amount, currency)}) is greater than unrefunded amount on "
            f"charge ({display(left, currency)})",
            "amount",
        )
    return _refund(world, charge, amount, params)


def _charge_to_refund(world: World, params: dict[str, Any]) -> Object:
    if "charge" in params:
        return world.named("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
    intent = world.named("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            "payment_intent",
            "payment_intent_unexpected_state",
        )
    return world.named("charge", intent["latest_charge"], "charge")


def _refund(world: World, charge: Object, amount: int, params: dict[str, Any]) -> Object:
    refund_id = world.new_id("refund")
    moved = new_balance_transaction(world, -amount, charge["currency"], "refund", refund_id)
    made = world.add(
        "refund",
        id=refund_id,
        amount=amount,
        balance_transaction=moved["id"],
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={
            "card": {
                "reference": None,
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        metadata=params.get("metadata") or {},
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=params.get("reason"),
        status="succeeded",
    )
    world.emit("refund.created", made)
    with world.changing(charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    if charge["refunded"]:
        _settle_warnings(world, charge)
    return made


@included("charge", "refunds")
def refunds_of(world: World, charge: Object) -> Object:
    entries = [refund for refund in world.all("refund") if refund["charge"] == charge["id"]]
    return page("refund", entries, {}, f"/v1/charges/{charge['id']}/refunds")


def open_dispute(world: World, charge: Object, reason: str = "fraudulent") -> Object:
    """The cardholder's bank takes the money back, with a fee, until the dispute is decided."""
    dispute_id = world.new_id("dispute")
    moved = new_balance_transaction(
        world, -charge["amount"], charge["currency"], "adjustment", dispute_id, DISPUTE_FEE
    )
    charge["disputed"] = True
    made = world.add(
        "dispute",
        id=dispute_id,
        amount=charge["amount"],
        balance_transactions=[moved],
        charge=charge["id"],
        currency=charge["currency"],
        evidence=shapes.part("dispute", "evidence", enhanced_evidence={}),
        evidence_details=shapes.part(
            "dispute",
            "evidence_details",
            due_by=world.now() + EVIDENCE_WITHIN,
            enhanced_eligibility={},
            submission_count=0,
            submission_method="not_submitted",
        ),
        network_reason_code="10.4",
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": charge["payment_method_details"]["card"]["brand"],
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        reason=reason,
        status="needs_response",
    )
    world.emit("charge.dispute.created", made)
    world.emit("charge.dispute.funds_withdrawn", made)
    _settle_warnings(world, charge)
    return made


def close_dispute(world: World, dispute: Object, won: bool) -> None:
    if won:
        moved = new_balance_transaction(
            world, dispute["amount"], dispute["currency"], "adjustment", dispute["id"]
        )
        dispute["balance_transactions"].append(moved)
    dispute["status"] = "won" if won else "lost"
    world.emit("charge.dispute.closed", dispute)
    if won:
        world.emit("charge.dispute.funds_reinstated", dispute)


@due("charge.dispute")
def dispute_by_card(world: World, charge_id: str) -> None:
    """The test card that is always disputed."""
    open_dispute(world, world.objects[charge_id])


@due("charge.fraud_warning")
def warn_of_fraud(world: World, charge_id: str) -> None:
    charge = world.objects[charge_id]
    made = world.add(
        "radar.early_fraud_warning",
        actionable=True,
        charge=charge_id,
        fraud_type="made_with_stolen_card",
        payment_intent=charge["payment_intent"],
    )
    world.emit("radar.early_fraud_warning.created", made)


def _settle_warnings(world: World, charge: Object) -> None:
    """After a whole refund or a dispute, nothing can be done about an early warning any more."""
    for warning in world.all("radar.early_fraud_warning"):
        if warning["charge"] == charge["id"] and warning["actionable"]:
            with world.changing(warning, "radar.early_fraud_warning.updated"):
                warning["actionable"] = False


retrieve("refund", "/refunds", RefundRetrieveParams)
listing("refund", "/refunds", RefundListParams, "charge payment_intent created")
retrieve("dispute", "/disputes", DisputeRetrieveParams)
listing("dispute", "/disputes", DisputeListParams, "charge payment_intent created")
retrieve(
    "radar.early_fraud_warning", "/radar/early_fraud_warnings", EarlyFraudWarningRetrieveParams
)
listing(
    "radar.early_fraud_warning",
    "/radar/early_fraud_warnings",
    EarlyFraudWarningListParams,
    "charge payment_intent created",
)
