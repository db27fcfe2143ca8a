"""What all tests share: a real, migrated PostgreSQL; a savepoint for each test.

`session` and `client` see one another's rows and leave nothing behind. A test of races asks for
`committed` instead: transactions are real there, and every table is emptied afterwards.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from app import create_app
from config.settings import Settings
from membership import db
from membership.accounts import sign_in
from membership.accounts.models import Account
from sandbox import services

ROOT = Path(__file__).parent.parent
# How long one example takes says how busy the machine is, and nothing of the product.
hypothesis.settings.register_profile(
    "kava", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("kava")

# Whole systems run in these: those that are broken on purpose, and those that are looked at.
SYSTEMS = ("faults", "browser", "faults/mail", "sandbox_runtime")


class Sharing(LoadScopeScheduling):
    """Shares the tests among processes: each kind of running systems to one, the others by file.

    Two tests then never start a system each for what one could serve.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        folder = file.removeprefix("tests/").rpartition("/")[0]
        return folder if folder in SYSTEMS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What cannot be shared begins, the longest first; the small fills what is left."""
    order = {each: number for number, each in enumerate((*SYSTEMS, "voting", "billing", "reports"))}
    folders = {item: str(item.path.parent.relative_to(ROOT / "tests")) for item in items}

    def place(item: pytest.Item) -> int:
        folder = folders[item]
        return order.get(folder, order.get(folder.split("/")[0], len(order)))

    items.sort(key=place)
    for item in items:
        if folders[item] in SYSTEMS:
            # Each may have to wait for a whole system to start, and then for several things.
            item.add_marker(pytest.mark.timeout(600))


SignedIn = Callable[[Session, Account], FlaskClient]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Postgres]:
    with services.start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def settings(postgres: services.Postgres) -> Settings:
    """Test settings; nothing listens at the addresses of Redis, Stripe and the mail server."""
    return Settings(
        _env_file=None,
        public_url="http://localhost",
        secret_key="a secret of the tests, 32 characters or more",
        database_url=postgres.url,
        redis_url="redis://127.0.0.1:1/0",
        stripe_secret_key="sk_test_tests",
        stripe_webhook_secrets=("whsec_tests",),
        stripe_api_base="http://127.0.0.1:1",
        smtp_url="smtp://127.0.0.1:1",
        mail_from="The Courier <post@courier.example>",
        site_name="The Courier",
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    app = create_app(settings)
    app.config["TESTING"] = True
    app.before_request_funcs.setdefault(None, []).insert(0, forget_the_request_before)
    app.extensions["kava.page_cache"].seconds = 0  # a test sees at once what it changed
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def another_app(app: Flask) -> Iterator[Callable[[Settings], Flask]]:
    """Makes applications beside the tests' own, to which all work goes again afterwards."""
    made = []

    def make(settings: Settings) -> Flask:
        made.append(create_app(settings))
        return made[-1]

    yield make
    for each in made:
        each.extensions["kava.engine"].dispose()
    db.use(app.extensions["kava.engine"])
    app.extensions["celery"].set_default()
    app.extensions["celery"].set_current()


def forget_the_request_before() -> None:
    """The tests' application context outlives a request, with whom and which language it kept."""
    vars(g).clear()


@pytest.fixture(scope="session")
def engine(app: Flask) -> Iterator[Engine]:
    engine: Engine = app.extensions["kava.engine"]
    yield engine
    engine.dispose()


@contextmanager
def rolled_back(app: Flask, engine: Engine) -> Iterator[Session]:
    """A session whose every row is gone afterwards; transaction() sees what it flushed."""
    options = {"join_transaction_mode": "create_savepoint"}
    try:
        with engine.connect() as connection, connection.begin() as outermost:
            db.use(connection, **options)
            with app.app_context(), Session(connection, expire_on_commit=False, **options) as found:
                yield found
            outermost.rollback()
    finally:
        db.use(engine, join_transaction_mode="conditional_savepoint")


@pytest.fixture
def session(app: Flask, engine: Engine) -> Iterator[Session]:
    """A session whose every row is gone after the test; transaction() sees what it flushed."""
    with rolled_back(app, engine) as session:
        yield session


@pytest.fixture
def committed(app: Flask, engine: Engine) -> Iterator[Engine]:
    """For races: every transaction() is a real one; all tables are emptied afterwards."""
    with app.app_context():
        yield engine
    tables = ", ".join(table.name for table in db.Base.metadata.sorted_tables)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not signed in, whose forms need no CSRF token."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture
def signed_in(client: FlaskClient) -> SignedIn:
    """Call with (session, account) to have `client` signed in as that account."""

    def act(session: Session, account: Account) -> FlaskClient:
        token = sign_in.open_sign_in(session, account)
        session.flush()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return client

    return act


@pytest.fixture(autouse=True)
def _factories_start_anew() -> None:
    from tests import factories

    factories.numbers = itertools.count(1)
