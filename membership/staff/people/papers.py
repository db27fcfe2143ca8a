"""A patron's receipts and statements, for those who may see names with amounts (rules S8, S9)."""

from werkzeug.wrappers import Response

from membership.accounts import audit
from membership.billing.papers import issued
from membership.billing.papers.models import Paper
from membership.db import transaction
from membership.staff.room import FINANCE, blueprint, found, me
from membership.web import access
from membership.web.download import download


@blueprint.get("/papers/<number>.pdf")
@access.staff(*FINANCE)
def paper(number: str) -> Response:
    with transaction() as session:
        seen: Paper = found(issued.find(session, number))
        audit.record(
            session,
            "paper.viewed",
            f"account:{seen.account_id}",
            actor_id=me().id,
            number=seen.number,
        )
    return download(seen.pdf, "application/pdf", f"{seen.number}.pdf")
