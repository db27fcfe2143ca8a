"""What a patron is told when their agreement becomes another one. Pure rules.

Whoever made the change, on our pages, on Stripe's or among the staff: it is told once, where the
history row of the change is written. Failed payments and what follows from them are dunning's to
tell.
"""

# While one of these holds, there is an agreement that may change.
GIVING = frozenset({"active", "past_due", "paused", "cancel_scheduled"})
MEANT = frozenset({"voluntary", "staff"})


def news(
    before: str | None,
    after: str,
    *,
    agreed_otherwise: bool,
    end_reason: str | None,
    ended_early: bool,
) -> tuple[str, ...]:
    """The kinds of mail that are due when the state goes from `before` to `after`.

    `agreed_otherwise`: the amount or the interval is another one. `ended_early`: before the end
    that had been announced.
    """
    if before not in GIVING:
        return ()
    if after == "ended":
        was_told = before == "cancel_scheduled" and not ended_early
        return ("support_cancelled",) if end_reason in MEANT and not was_told else ()
    changed = ("support_changed",) if agreed_otherwise else ()
    return changed + _news_of_state(before, after)


def _news_of_state(before: str, after: str) -> tuple[str, ...]:
    match before, after:
        case ("cancel_scheduled", "active" | "paused"):
            return ("cancel_undone",)
        case ("active" | "past_due", "paused"):
            return ("support_paused",)
        case ("paused", "active"):
            return ("support_resumed",)
        case ("active" | "past_due" | "paused", "cancel_scheduled"):
            return ("support_cancelled",)
    return ()
