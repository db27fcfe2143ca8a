"""What beat wakes, and how often. Each task looks into PostgreSQL for what is due."""

EVERY_MINUTE = 60.0
EVERY_TEN_MINUTES = 600.0
EVERY_HOUR = 3600.0

BEAT_SCHEDULE = {
    "accounts.forget_old": {"task": "accounts.forget_old", "schedule": EVERY_HOUR},
    # How soon an import goes on that broke off.
    "arrivals.go_on": {"task": "arrivals.go_on", "schedule": EVERY_MINUTE},
    "billing.process_events": {"task": "billing.process_events", "schedule": EVERY_MINUTE},
    "billing.backfill": {"task": "billing.backfill", "schedule": EVERY_HOUR},
    # It begins once a day; this is how soon it goes on after a crash, or when Stripe was away.
    "billing.compare": {"task": "billing.compare", "schedule": EVERY_TEN_MINUTES},
    # Closes a few pages a run, so its period bounds what is asked of Stripe.
    "billing.watch_card_testing": {"task": "billing.watch_card_testing", "schedule": 20.0},
    "billing.forget_attempts": {"task": "billing.forget_attempts", "schedule": EVERY_HOUR},
    "billing.strip_events": {"task": "billing.strip_events", "schedule": EVERY_HOUR},
    "billing.finish_refunds": {"task": "billing.finish_refunds", "schedule": EVERY_MINUTE},
    "billing.tell_addresses": {"task": "billing.tell_addresses", "schedule": EVERY_MINUTE},
    "billing.remind": {"task": "billing.remind", "schedule": EVERY_MINUTE},
    "billing.notify": {"task": "billing.notify", "schedule": EVERY_HOUR},
    "billing.announce_statements": {
        "task": "billing.announce_statements",
        "schedule": EVERY_TEN_MINUTES,
    },
    "billing.send_gifts": {"task": "billing.send_gifts", "schedule": EVERY_MINUTE},
    # When Stripe was away at the first try, support that is to end may be charged until the next.
    "billing.delete_due": {"task": "billing.delete_due", "schedule": EVERY_MINUTE},
    # Within the shortest wait of a mail that is tried again: a pause holds that back, too.
    "campaigns.advance": {"task": "campaigns.advance", "schedule": 20.0},
    "counts.make": {"task": "counts.make", "schedule": EVERY_MINUTE},
    "exports.make": {"task": "exports.make", "schedule": EVERY_MINUTE},
    "exports.forget_old": {"task": "exports.forget_old", "schedule": EVERY_HOUR},
    "mail.deliver": {"task": "mail.deliver", "schedule": EVERY_MINUTE},
    "newsletter.issue": {"task": "newsletter.issue", "schedule": EVERY_TEN_MINUTES},
    "newsletter.digest": {"task": "newsletter.digest", "schedule": EVERY_TEN_MINUTES},
    "newsletter.forget_old": {"task": "newsletter.forget_old", "schedule": EVERY_HOUR},
    # A round's end is read from the database's clock; this is only how soon it is noticed.
    "voting.advance_rounds": {"task": "voting.advance_rounds", "schedule": 5.0},
    "reports.refresh": {"task": "reports.refresh", "schedule": EVERY_MINUTE},
    # One round a run: with a million patrons it took a minute on a busy machine of two cores.
    "reports.freeze": {"task": "reports.freeze", "schedule": EVERY_MINUTE},
    "reports.summarise": {"task": "reports.summarise", "schedule": EVERY_TEN_MINUTES},
    "reports.beat_heart": {"task": "reports.beat_heart", "schedule": EVERY_MINUTE},
}
for _entry in BEAT_SCHEDULE.values():
    # A wake-up that nobody took before the next one is due has nothing to say.
    _entry["options"] = {"expires": _entry["schedule"]}
