"""A story with every part that a story can have."""

import pytest
from sqlalchemy.orm import Session

from membership.articles.models import Article
from tests.articles.reading import tagged


@pytest.fixture
def bridge(session: Session) -> Article:
    return tagged(
        session,
        "transport",
        "city",
        slug="bridge",
        title="The “bridge” is open </script><b>",
        kicker="City",
        byline="Olha Example",
        body_html='<p>First.</p><blockquote class="pull"><p>Pulled.</p></blockquote>',
        image_url="/static/images/demo/bridge.svg",
        image_alt="A bridge",
        image_caption="In fog.",
        image_credit="Agency",
        correction="The river was misnamed.",
        asked_topic_slug="the-river",
        asked_topic_title="The river",
        asked_round_id=7,
        asked_round_title="What next?",
    )
