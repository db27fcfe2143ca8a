"""Exchange rates: the bank's files, taken again and again, and the overview converted by them."""

import io
import tracemalloc
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.dunning.models import Dunning
from membership.reports import rates, rollups
from membership.reports.figures import Figure
from membership.reports.models import ExchangeRate
from membership.reports.overview.page import Overview, build
from membership.reports.periods import Period
from membership.reports.rates.files import LARGEST, NotRatesError, Rate, read
from membership.reports.report import Asked
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, pays
from tests.reports.queries import number_of_queries
from tests.reports.test_overview import table, tile

HISTORY = (
    b"Date,USD,JPY,CYP,\n"
    b"2026-03-31,1.25,160,N/A,\n"
    b"2026-03-02,1.20,150,0.58,\n"
    b"2026-02-27,1.00,N/A,0.58,\n"
)
OF_ONE_DAY = b"Date, USD, JPY, \n10 March 2026, 1.22, 151.5, \n"
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time="2026-03-02"><Cube currency="USD" rate="1.20"/><Cube currency="JPY" rate="150"/>
</Cube><Cube time="2026-02-27"><Cube currency="USD" rate="1.00"/></Cube></Cube>
</gesmes:Envelope>"""


def zipped(content: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def test_the_history_as_csv_newest_first() -> None:
    found = read(HISTORY)
    assert len(found) == 7
    assert found[0] == Rate("USD", date(2026, 3, 31), Decimal("1.25"))
    assert read(zipped(HISTORY, "eurofxref-hist.csv")) == found
    assert read(b"\xef\xbb\xbf" + HISTORY.replace(b"\n", b"\r\n")) == found


def test_one_day_as_csv_and_days_as_xml() -> None:
    assert read(OF_ONE_DAY)[1] == Rate("JPY", date(2026, 3, 10), Decimal("151.5"))
    assert [(each.currency, str(each.day)) for each in read(XML)] == [
        ("USD", "2026-03-02"),
        ("JPY", "2026-03-02"),
        ("USD", "2026-02-27"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "first line"),
        (b"Name,Mail\nO,o@example.org\n", "first line"),
        (b"Date,USD\n", "no exchange rate"),
        (b"Date,USD\n2026-03-02\n", "Line 2 is shorter"),
        (b"Date,USD\nyesterday,1.2\n", "is no day"),
        (b"Date,USD\n2026-03-02,-1\n", "is no exchange rate"),
        (b"Date,USD\n2026-03-02,NaN\n", "is no exchange rate"),
        (b"Date,USD\n2026-03-02,cheap\n", "is no exchange rate"),
        (b"\xff\xfe\x00", "neither CSV nor XML"),
        (b"<html><body>Not found</body>", "cannot be read"),
        (b"<rates/>", "no exchange rate"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (zipped(HISTORY, "a.csv", "b.csv"), "exactly one"),
        (XML.replace(b"UTF-8", b"UTF-16LE").decode().encode("utf-16-le"), "cannot be read"),
        (XML.replace(b"Reference", b"\xff"), "cannot be read"),
        (zipped(b" " * (LARGEST + 1), "a.csv"), "too large"),
    ],
    ids=range(16),
)
def test_another_file_is_refused_in_one_sentence(content: bytes, why: str) -> None:
    with pytest.raises(NotRatesError, match=why):
        read(content)


def test_xml_is_read_without_a_tree_of_it() -> None:
    """A few kilobytes packed would else be gigabytes in memory."""
    nothing = b"<Cube>" + b"<b/>" * 200_000 + b"</Cube></gesmes:Envelope>"
    content = zipped(XML.replace(b"</gesmes:Envelope>", nothing), "eurofxref.xml")
    tracemalloc.start()
    assert len(read(content)) == 3
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * 1024 * 1024


def test_a_file_may_be_brought_in_again(session: Session) -> None:
    first = rates.bring_in(session, HISTORY, "eurofxref-hist.csv")
    assert (first.rates, first.written, first.newest) == (3, 3, date(2026, 3, 31))
    assert first.currencies == ("USD",), "nobody gives in the others"
    assert rates.bring_in(session, HISTORY, "again.csv").written == 0
    corrected = HISTORY.replace(b"1.25", b"1.26")
    assert rates.bring_in(session, corrected, "corrected.csv").written == 1
    assert session.scalar(select(func.count()).select_from(ExchangeRate)) == 3


@pytest.mark.parametrize("content", [b"Date,USD\n2999-01-01,1.2\n", b"Date,CYP\n2006-03-02,1\n"])
def test_days_to_come_and_files_without_our_currencies_are_refused(
    session: Session, content: bytes
) -> None:
    with pytest.raises(NotRatesError):
        rates.bring_in(session, content, "wrong.csv")
    assert session.scalar(select(func.count()).select_from(ExchangeRate)) == 0


def test_a_day_without_a_rate_has_the_last_one_before(session: Session) -> None:
    """And days before the first rate have the first."""
    rates.bring_in(session, HISTORY, "eurofxref-hist.csv")
    days = [date(2020, 1, 1), date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 30)]
    known = rates.rates(session, ["USD", "UAH", "EUR"], days, date(2026, 4, 10))
    assert [known.on("USD", day) for day in days] == [1, 1, Decimal("1.20"), Decimal("1.20")]
    assert known.on("EUR", days[0]) == 1
    assert known.newest == {"USD": date(2026, 3, 31)}
    assert not known.has("UAH")


def in_euro(session: Session, period: Period) -> Overview:
    session.flush()
    rollups.rebuild(session)
    return build(session, Asked(date(2026, 4, 10), period, "EUR", True, is_converted=True))


MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def test_all_currencies_in_euro_by_hand(session: Session) -> None:
    """[D1] Each day's changes at its rate; what rates did is a step, so that all sums up."""
    joins(session, NOON - 10 * DAY, amount_minor=1000, currency="USD")
    gone = joins(session, NOON, amount_minor=600, currency="USD")
    leaves(session, gone, NOON.replace(day=31))
    joins(session, amount_minor=300, currency="JPY")
    joins(session, amount_minor=400)
    joins(session, amount_minor=9000, currency="UAH")
    rollups.rebuild(session)
    rates.bring_in(session, HISTORY, "eurofxref-hist.csv")
    seen = in_euro(session, MARCH)
    # 10 $ at 1.00; 6 $ at 1.20, 300 ¥ at 150 and 4 €; then 6 $ at 1.25. 10 $ and 300 ¥ end as 8 €
    # and 1.875 €.
    steps = {row[0]: row[1] for row in table(seen, "waterfall").rows}
    assert steps == {
        "At the start": 1000,
        "New": 500 + 200 + 400,
        "Gave more": 0,
        "Came back": 0,
        "Gave less": 0,
        "Left or paused": -480,
        "Payment failed": 0,
        "Rates changed": -232,
        "At the end": 1388,
    }
    *parts, end = steps.values()
    assert sum(parts) == end
    assert tile(seen, "received").figure.value == 500 + 200 + 400
    assert tile(seen, "mrr").figure.value == end
    assert seen.without_rate == ("UAH",)
    assert seen.newest_rate == date(2026, 3, 31)


def test_cash_in_euro_is_the_sum_of_what_each_currency_expects(session: Session) -> None:
    """[D6] Measured currency by currency, as the table beside it shows; one without a rate is
    neither in the sum nor in what it is measured by.
    """
    for currency, number, given_up in (("USD", 2, 1), ("EUR", 1, 0), ("UAH", 1, 3)):
        for _ in range(number):
            given = joins(session, NOON - 60 * DAY, amount_minor=1001, currency=currency)
            giver = session.get_one(Account, given.account_id)
            pays(session, giver, NOON, subscription_id=given.id, currency=currency)
        for each in range(given_up):
            factories.add(
                session,
                Dunning(
                    subscription_id=given.id, stripe_invoice_id=f"in_{currency}_{each}",
                    kind="soft", amount_minor=1001, currency=currency, failed_at=NOON,
                    given_up_at=NOON,
                ),
            )  # fmt: skip
    rates.bring_in(session, HISTORY, "eurofxref-hist.csv")
    rollups.rebuild(session)
    seen = in_euro_now(session)
    side_by_side = table(seen, "currencies")
    expected = dict(zip(side_by_side.column("currency"), side_by_side.column("cash"), strict=True))
    # Of 20.02 $, two of three renewals; 10.01 € at 1.25 $ a euro.
    assert (expected["USD"].value, expected["EUR"].value) == (1335, 1001)
    cash = tile(seen, "cash")
    assert cash.figure == Figure(1001 + 1068, denominator=3)
    assert cash.note == "3 of 4 renewals were paid in three months"


def test_staff_add_a_currency_that_the_bank_does_not_have(session: Session) -> None:
    joins(session, amount_minor=9000, currency="UAH")
    assert in_euro(session, MARCH).newest_rate is None
    rates.bring_in(session, b"Date,UAH\n2026-03-02,45.00\n", "hryvnia.csv")
    seen = in_euro(session, MARCH)
    assert seen.without_rate == ()
    assert tile(seen, "mrr").figure.value == 200


def test_converting_asks_two_queries_more(session: Session) -> None:
    """[L13]"""
    joins(session, currency="USD")
    rates.bring_in(session, HISTORY, "eurofxref-hist.csv")
    rollups.rebuild(session)
    assert number_of_queries(session, lambda: in_euro_now(session)) == 7


def in_euro_now(session: Session) -> Overview:
    return build(session, Asked(date(2026, 4, 10), MARCH, "EUR", True, is_converted=True))


def test_the_command_takes_a_file_or_says_in_one_line_why_not(
    session: Session, app: Flask, tmp_path: Path
) -> None:
    good, bad = tmp_path / "eurofxref.csv", tmp_path / "patrons.csv"
    good.write_bytes(HISTORY)
    bad.write_bytes(b"Name,Mail\nO,o@example.org\n")
    runner = app.test_cli_runner()
    done = runner.invoke(args=["rates", "import", str(good)])
    assert (done.exit_code, done.output) == (
        0,
        "Rates: 3 of 1 currencies until 2026-03-31, 3 of them new.\n",
    )
    refused = runner.invoke(args=["rates", "import", str(bad)])
    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    assert "Nothing was changed" in refused.output
