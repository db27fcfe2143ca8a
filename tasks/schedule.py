"""What beat wakes, and how often. Each task looks into PostgreSQL for what is due."""

EVERY_MINUTE = 60.0
EVERY_HOUR = 3600.0

BEAT_SCHEDULE = {
    "accounts.forget_old": {"task": "accounts.forget_old", "schedule": EVERY_HOUR},
    "billing.process_events": {"task": "billing.process_events", "schedule": EVERY_MINUTE},
    "mail.deliver": {"task": "mail.deliver", "schedule": EVERY_MINUTE},
    # A round's end is read from the database's clock; this is only how soon it is noticed.
    "voting.advance_rounds": {"task": "voting.advance_rounds", "schedule": 5.0},
    "reports.refresh": {"task": "reports.refresh", "schedule": EVERY_MINUTE},
}
for _entry in BEAT_SCHEDULE.values():
    # A wake-up that nobody took before the next one is due has nothing to say.
    _entry["options"] = {"expires": _entry["schedule"]}
