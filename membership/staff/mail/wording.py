"""How our mails are worded: staff put other sentences in place of those delivered, and take them
back.

A sentence that could not be said is refused here, so that no mail ever fails for it.
"""

from typing import Any

from flask import Response, abort, flash, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership.accounts import audit
from membership.accounts.models import Account
from membership.db import transaction
from membership.mail import kinds, letters, rewording, wording
from membership.mail.models import MailWording
from membership.reports import words
from membership.staff.forms import InnerReasonForm
from membership.staff.mail import samples, wording_page
from membership.staff.mail.wording_page import Page, field_of
from membership.staff.room import EDITORS, back_to, blueprint, me
from membership.web import access
from membership.web.languages import address, language_choices

# A letter is looked at in a frame of our page, where it runs nothing and asks for nothing.
LETTER_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
ALL_LETTERS = _l("what all letters share")
Answer = Any


def title(kind: str) -> Any:
    """What staff call a kind of mail."""
    return ALL_LETTERS if kind == wording.SHARED else words.KIND.get(kind, kind)


@blueprint.get("/mail/wording", endpoint="wording")
@access.staff(*EDITORS)
def list_wording() -> str:
    with transaction() as session:
        edited = _edited(session)
    named = sorted(kinds.names(), key=lambda kind: str(title(kind)).casefold())
    return render_template(
        "staff/wording.html",
        kinds=[wording.SHARED, *named],
        edited=edited,
        languages=language_choices(),
        columns=[(_("Mail"), ""), *((name, "") for _code, name in language_choices())],
        title=title,
    )


@blueprint.route("/mail/wording/<kind>/<language>", methods=["GET", "POST"])
@access.staff(*EDITORS)
def wording_of(kind: str, language: str) -> Answer:
    _insist_on(kind, language)
    if request.method == "POST":
        return _save(kind, language)
    with transaction() as session:
        saved = rewording.saved(session, kind, language)
        return _page(session, kind, language, saved, wording_page.shown(kind, language, saved))


def _save(kind: str, language: str) -> Answer:
    """Form fields: one for each sentence, `ours` (whose is taken back), `seen`. All or nothing."""
    with transaction() as session:
        saved = rewording.locked(session, kind, language)
        typed = wording_page.typed(kind, language, saved, request.form)
        if request.form.get("seen") != rewording.version(saved):
            changed = _("Somebody changed this wording just now. Look at both, then save again.")
            return _page(session, kind, language, saved, typed, changed), 409
        if not typed.is_sound:
            return _page(session, kind, language, saved, typed), 422
        _put(session, "wording.changed", kind, language, typed.wanted())
    flash(
        _("Saved. Letters that leave from now on say it, the last of them in half a minute."),
        "good",
    )
    return back_to("staff.wording_of", kind=kind, language=language)


@blueprint.route("/mail/wording/<kind>/<language>/delivered", methods=["GET", "POST"])
@access.staff(*EDITORS)
def reset_wording(kind: str, language: str) -> Answer:
    """Say all sentences as delivered again, for a `reason`. GET leads to where they stand."""
    _insist_on(kind, language)
    form = InnerReasonForm()
    if form.is_submitted():
        with transaction() as session:
            saved = rewording.locked(session, kind, language)
            if not form.validate():
                shown = wording_page.shown(kind, language, saved)
                return _page(session, kind, language, saved, shown, resetting=form), 422
            reset = dict.fromkeys(saved)
            _put(session, "wording.reset", kind, language, reset, reason=form.reason.data)
        flash(_("All sentences are as delivered again."), "good")
    return back_to("staff.wording_of", kind=kind, language=language)


@blueprint.route("/mail/wording/<kind>/<language>/preview", methods=["GET", "POST"])
@access.staff(*EDITORS)
def preview_wording(kind: str, language: str) -> Answer:
    """A sample letter as it would leave: as saved by GET, as typed by POST, which saves nothing.

    Fields: `part` (html or text), `case` (the number of the sample).
    """
    _insist_on(kind, language)
    shown = _shown(kind)
    with transaction() as session:
        saved = {each: rewording.saved(session, each, language) for each in (wording.SHARED, shown)}
    page = wording_page.typed(kind, language, saved[kind], request.form)
    if not page.is_sound:
        wrong = [f"{line.text}\n→ {line.problem}" for line in page.lines if line.problem]
        return _framed("\n\n".join(wrong), "text/plain", 422)
    texts = {each: {key: row.text for key, row in rows.items()} for each, rows in saved.items()}
    texts[kind] = page.said()
    said = letters.written(
        shown,
        _sample(shown, language),
        language,
        wording.Words({**texts[wording.SHARED], **texts[shown]}),
        address("mail.unsubscribe", language, token="sample") if kinds.is_bulk(shown) else None,
    )
    if request.values.get("part") == "text":
        return _framed(f"{_('Subject')}: {said.subject}\n\n{said.text}", "text/plain")
    return _framed(said.html, "text/html")


def _shown(kind: str) -> str:
    """The kind on whose letters the wording of `kind` is looked at."""
    return samples.SHARED if kind == wording.SHARED else kind


def _sample(kind: str, language: str) -> dict[str, Any]:
    written = samples.of(kind, language)
    case = request.values.get("case", 0, type=int)
    return written[case if 0 <= case < len(written) else 0]


def _framed(text: str, mimetype: str, status: int = 200) -> Response:
    answer = Response(text, status, mimetype=mimetype)
    answer.headers["Content-Security-Policy"] = LETTER_POLICY
    return answer


def _insist_on(kind: str, language: str) -> None:
    known = kinds.names() | {wording.SHARED}
    if kind not in known or language not in settings().languages:
        abort(404)


def _page(
    session: Session,
    kind: str,
    language: str,
    saved: dict[str, MailWording],
    page: Page,
    problem: str = "",
    resetting: InnerReasonForm | None = None,
) -> str:
    editors = {row.edited_by_id for row in saved.values()}
    named = select(Account.id, Account.email).where(Account.id.in_(editors))
    return render_template(
        "staff/wording_of.html",
        kind=kind,
        in_language=language,
        languages=language_choices(),
        title=title(kind),
        page=page,
        edited=len(saved),
        seen=rewording.version(saved),
        editors=dict(session.execute(named).all()),
        cases=len(samples.of(_shown(kind), language)),
        field_of=field_of,
        problem=problem,
        resetting=resetting or InnerReasonForm(formdata=None),
    )


def _put(
    session: Session,
    action: str,
    kind: str,
    language: str,
    texts: dict[str, str | None],
    **detail: str,
) -> None:
    """Each change stands in the audit log, with before and after."""
    changes = rewording.put(session, kind, language, texts, me().id)
    if changes:
        audit.record(
            session,
            action,
            f"wording:{kind}:{language}",
            actor_id=me().id,
            changes=[vars(change) for change in changes],
            **detail,
        )


def _edited(session: Session) -> dict[tuple[str, str], Any]:
    """By kind and language: how many sentences staff have put, and when they last did."""
    rows = session.execute(
        select(
            MailWording.kind,
            MailWording.language,
            func.count().label("sentences"),
            func.max(MailWording.edited_at).label("edited_at"),
        ).group_by(MailWording.kind, MailWording.language)
    )
    return {(row.kind, row.language): row for row in rows}
