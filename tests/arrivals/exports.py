"""Exports as the platforms write them, made up: headings as they are, people as they are not."""

import csv
import io
from datetime import UTC, datetime

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)

PATREON = (
    "Name,Email,Discord,Patron Status,Follows You,Free Member,Free Trial,Lifetime Amount,"
    "Pledge Amount,Charge Frequency,Tier,Addressee,Street,City,State,Zip,Country,Phone,"
    "Patronage Since Date,Last Charge Date,Last Charge Status,Additional Details,User ID,"
    "Last Updated,Currency,Max Posts,Access Expiration,Next Charge Date,Full country name,"
    "Subscription Source"
)
STEADY = (
    "first_name,last_name,email,plan_name,plan_monthly_amount_cents,gifted,subscription_period,"
    "subscription_state,subscribed_at,trial_ends_at,cancelled_at,expires_at"
)
GHOST = (
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,"
    "deleted_at,labels,tiers"
)


def csv_of(headings: str, *lines: dict[str, str], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, headings.split(","), restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def patreon(*lines: dict[str, str]) -> str:
    return csv_of(PATREON, *lines)


def steady(*lines: dict[str, str]) -> str:
    return csv_of(STEADY, *lines)


def ghost(*lines: dict[str, str]) -> str:
    return csv_of(GHOST, *lines)


def patron(number: int = 1, **changes: str) -> dict[str, str]:
    """Who gives 5 dollars a month on Patreon, and is charged next on 1 April."""
    line = {
        "Name": "Olena Koval",
        "Email": f"patron{number}@example.org",
        "Patron Status": "Active patron",
        "Free Member": "No",
        "Lifetime Amount": "60.00",
        "Pledge Amount": "5.00",
        "Charge Frequency": "monthly",
        "Tier": "A coffee",
        "Patronage Since Date": "2025-03-01 09:30:00.123456",
        "Last Charge Date": "2026-03-01 09:12:00",
        "Last Charge Status": "Paid",
        "User ID": f"7000{number}",
        "Currency": "USD",
        "Next Charge Date": "2026-04-01 07:00:00",
    }
    return line | changes


def member(number: int = 1, **changes: str) -> dict[str, str]:
    """Who gives 6 euros a month on Steady, since 31 January."""
    line = {
        "first_name": "Petro",
        "last_name": "Bondar",
        "email": f"member{number}@example.org",
        "plan_name": "Support",
        "plan_monthly_amount_cents": "600",
        "gifted": "FALSE",
        "subscription_period": "monthly",
        "subscription_state": "active",
        "subscribed_at": "2026-01-31",
    }
    return line | changes


def reader(number: int = 1, **changes: str) -> dict[str, str]:
    """Who gets letters from Ghost, and pays nothing."""
    line = {
        "id": f"6{number}f",
        "email": f"ghost{number}@example.org",
        "subscribed_to_emails": "true",
        "complimentary_plan": "false",
        "created_at": "2024-01-15T10:00:00.000Z",
    }
    return line | changes
