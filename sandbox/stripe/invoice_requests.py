"""What may be asked of invoices and their payments."""

from typing import Any

from stripe.params import (
    InvoiceCreatePreviewParams,
    InvoiceFinalizeInvoiceParams,
    InvoiceListParams,
    InvoicePaymentListParams,
    InvoicePaymentRetrieveParams,
    InvoicePayParams,
    InvoiceRetrieveParams,
    InvoiceUpdateParams,
    InvoiceVoidInvoiceParams,
)

from sandbox.stripe import collection, payments
from sandbox.stripe.errors import ApiError, Object, invalid, unsupported
from sandbox.stripe.invoices import finalize, intent_of, payment_of, subscription_of, void
from sandbox.stripe.listing import included, matches, page, page_of
from sandbox.stripe.payment_methods import card_error, resolve
from sandbox.stripe.renewals import upcoming_invoice
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.subscriptions import RENEWING
from sandbox.stripe.world import World

retrieve("invoice", "/invoices", InvoiceRetrieveParams)


retrieve("invoice_payment", "/invoice_payments", InvoicePaymentRetrieveParams)


@route("GET", "/invoice_payments", InvoicePaymentListParams, "invoice payment status created")
def list_invoice_payments(world: World, params: dict[str, Any]) -> Object:
    wanted = params.get("payment", {})
    entries = [
        payment
        for payment in world.all("invoice_payment")
        if matches(payment, params, "invoice status created")
        and matches(payment["payment"], wanted, "type payment_intent")
    ]
    return page("invoice_payment", entries, params, "/v1/invoice_payments")


@route("GET", "/invoices", InvoiceListParams, "customer subscription status created "
       "collection_method")  # fmt: skip
def list_invoices(world: World, params: dict[str, Any]) -> Object:
    def is_wanted(invoice: Object) -> bool:
        return matches(invoice, params, "customer status created collection_method") and params.get(
            "subscription"
        ) in (None, subscription_of(world, invoice)["id"])

    return page_of(world, "invoice", is_wanted, params, "/v1/invoices")


@route("POST", "/invoices/*/pay", InvoicePayParams, "payment_method off_session")
def pay_now(world: World, params: dict[str, Any], invoice_id: str) -> Object:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in ("draft", "open"):
        raise invalid(f"Invoice is {invoice['status']}", code="invoice_not_editable")
    if invoice["status"] == "draft":
        finalize(world, invoice)
    method = resolve(world, params["payment_method"]) if "payment_method" in params else None
    collection.pay(world, invoice, method)
    if invoice["status"] != "paid":
        intent = intent_of(world, invoice)
        if intent["status"] == "requires_action":
            raise needs_action()
        if intent["status"] == "requires_payment_method" and intent["last_payment_error"]:
            raise card_error(payments.last_decline(intent))
    return invoice


def needs_action() -> ApiError:
    """402: the bank wants the cardholder to confirm the payment."""
    return ApiError(
        402,
        "card_error",
        "This payment requires additional user action before it can be completed successfully. "
        "Payment can be completed using the `PaymentIntent` associated with the invoice.",
        code="invoice_payment_intent_requires_action",
    )


@route("POST", "/invoices/*/finalize", InvoiceFinalizeInvoiceParams)
def finalize_now(world: World, params: dict[str, Any], invoice_id: str) -> Object:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized.", code="invoice_not_editable")
    finalize(world, invoice)
    if invoice["amount_due"] == 0:
        collection.pay(world, invoice)
    return invoice


@route("POST", "/invoices/*/void", InvoiceVoidInvoiceParams)
def void_now(world: World, params: dict[str, Any], invoice_id: str) -> Object:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"You can only void an open invoice; this one is {invoice['status']}.")
    void(world, invoice)
    return invoice


@route("POST", "/invoices/create_preview", InvoiceCreatePreviewParams, "subscription")
def preview(world: World, params: dict[str, Any]) -> Object:
    """The next renewal as it would be charged if nothing changed."""
    if "subscription" not in params:
        raise unsupported("previews without a subscription")
    subscription = world.named("subscription", params["subscription"], "subscription")
    if subscription["status"] not in RENEWING or subscription["cancel_at"]:
        raise ApiError(
            404,
            "invalid_request_error",
            f"No upcoming invoices for customer: '{subscription['customer']}'",
            code="invoice_upcoming_none",
        )
    return upcoming_invoice(world, subscription)


# After create_preview, whose path it would match as well.
@route("POST", "/invoices/*", InvoiceUpdateParams, "auto_advance description metadata")
def update(world: World, params: dict[str, Any], invoice_id: str) -> Object:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] not in ("draft", "open") and "auto_advance" in params:
        raise invalid("Finalized invoices can't be updated in this way.", "auto_advance",
                      "invoice_not_editable")  # fmt: skip
    with world.changing(invoice, "invoice.updated"):
        assign(invoice, params, "description metadata")
        if "auto_advance" in params:
            _advance_by_itself(world, invoice, params["auto_advance"])
    return invoice


def _advance_by_itself(world: World, invoice: Object, wanted: bool) -> None:
    if invoice["status"] == "draft":
        invoice["auto_advance"] = wanted
    elif not wanted:
        collection.stop(invoice)
    elif not invoice["auto_advance"]:
        collection.go_on(world, invoice)


@included("invoice", "payments")
def payments_of(world: World, invoice: Object) -> Object:
    entries = [p for p in world.all("invoice_payment") if p["invoice"] == invoice["id"]]
    return page("invoice_payment", entries, {}, "/v1/invoice_payments")


@included("invoice", "confirmation_secret")
def confirmation_secret(world: World, invoice: Object) -> Object | None:
    if payment_of(world, invoice["id"]) is None:
        return None
    return {
        "client_secret": intent_of(world, invoice)["client_secret"],
        "type": "payment_intent",
    }
