"""The pages that Stripe hosts: checkout, 3-D Secure, portal, invoice; and our own dashboard."""

from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import subscriptions
from sandbox.stripe.amounts import display
from sandbox.stripe.billing_pages import add_invoice, add_portal
from sandbox.stripe.checkout_pages import add_challenge, add_checkout
from sandbox.stripe.errors import ApiError, Object
from sandbox.stripe.world import World

RECENT = 25


def hosted_pages(world: World) -> Blueprint:
    pages = Blueprint("pages", __name__, template_folder="templates")

    @pages.app_template_filter("money")
    def money(amount: int, currency: str) -> str:
        return display(amount, currency)

    @pages.app_template_filter("day")
    def day(timestamp: int) -> str:
        return f"{datetime.fromtimestamp(timestamp, UTC):%d %B %Y}"

    @pages.app_template_filter("moment")
    def moment(timestamp: int) -> str:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"

    @pages.app_context_processor
    def merchant() -> Object:
        return {"merchant": world.merchant, "now": world.now()}

    @pages.before_request
    def enter() -> None:
        world.lock.acquire()
        world.run_due()

    @pages.teardown_request
    def leave(error: BaseException | None) -> None:
        if request.method == "POST":
            world.changed()
        world.lock.release()

    @pages.errorhandler(ApiError)
    def refuse(error: ApiError) -> ResponseReturnValue:
        text = error.body["error"]["message"]
        page = render_template("stripe/closed.html", title="This did not work", text=text)
        return page, error.status

    add_checkout(pages, world)
    add_challenge(pages, world)
    add_invoice(pages, world)
    add_portal(pages, world)
    _add_dashboard(pages, world)
    return pages


def _add_dashboard(pages: Blueprint, world: World) -> None:
    @pages.get("/")
    def dashboard() -> ResponseReturnValue:
        return render_template(
            "stripe/dashboard.html",
            customers=world.all("customer")[::-1][:RECENT],
            subscriptions=[
                (s, subscriptions.period_end(s)) for s in world.all("subscription")[::-1][:RECENT]
            ],
            events=world.all("event")[::-1][:RECENT],
        )

    @pages.post("/clock")
    def move_clock() -> ResponseReturnValue:
        world.advance(int(request.form["days"]) * 86_400)
        return redirect("/", 303)

    @pages.get("/receipts/<charge_id>")
    def receipt(charge_id: str) -> ResponseReturnValue:
        charge = world.get("charge", charge_id)
        paid = display(charge["amount"], charge["currency"])
        return render_template(
            "stripe/closed.html", title=f"Receipt from {world.merchant}", text=f"Paid: {paid}"
        )
