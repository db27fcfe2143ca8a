"""The result as readers see it: what was chosen, by how many, and how to check it (rule V8)."""

import json
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.voting import paper, topics
from membership.voting.models import Round, Tally, Topic
from tests import factories
from tests.voting.pages import settled, text_of, topic_ids


def result_of(client: FlaskClient, held: Round):
    answer = client.get(f"/rounds/{held.id}/result")
    assert answer.status_code == 200
    return answer


def table(answer, caption: str) -> list[list[str]]:
    """The cells of the table with this caption, row by row, without its head."""
    found = re.search(rf"<caption[^>]*>{caption}</caption>(.*?)</table>", answer.text, re.DOTALL)
    assert found
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", found[1].split("<tbody>")[1], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def test_the_result_and_how_to_check_it(session: Session, client: FlaskClient) -> None:
    """[V6] [V7] Everything that was fixed before the opening stands beside the figures."""
    held = settled(session, 6, quorum=5)
    first = paper.options(session, held.id)[0]
    factories.patron(session)
    answer = client.get(f"/rounds/{held.id}", follow_redirects=True)
    shown = text_of(answer)
    assert f"Our patrons chose this topic Chosen by you {first.title}" in shown
    assert "6 of 6 patrons who might have voted: 100%." in shown
    assert "Approval: each ballot could name up to 3 topics and gave each one vote." in shown
    assert "5 ballots; with fewer, the round would be void." in shown
    assert "A lot that was known before the round opened" in shown
    rows = table(answer, "Votes, and their share of all ballots")
    assert [[row[0], *row[2:]] for row in rows] == [
        [f"{first.title} Chosen", "6", "100%"],
        ["Topic 2", "3", "50%"],
        ["Topic 3", "0", "0%"],
    ]
    exported = client.get(f"/rounds/{held.id}/export.json").get_json()
    assert exported["digest"] in shown
    assert exported["round"]["tie_seed"] in shown
    assert "6 valid ballots" in shown


def test_what_to_take_away_is_there(session: Session, client: FlaskClient) -> None:
    """[V6]"""
    held = settled(session, 5)
    answer = result_of(client, held)
    for address in ("export.json", "ballots.csv"):
        assert f'href="/rounds/{held.id}/{address}"' in answer.text
        assert client.get(f"/rounds/{held.id}/{address}").status_code == 200
    assert 'href="/rounds/verify.py"' in answer.text
    assert client.get("/rounds/verify.py").status_code == 200
    assert f"cd Downloads\npython3 verify.py round-{held.id}.json</code>" in answer.text
    name = client.get(f"/rounds/{held.id}/export.json").headers["Content-Disposition"]
    assert f"round-{held.id}.json" in name


def test_instant_runoff_is_shown_stage_by_stage(session: Session, client: FlaskClient) -> None:
    """[V2] Three want the first, four the second, three the third, of whom two then the first:
    who was behind is chosen, and one ballot is left without a choice."""
    ballots = [[0], [0], [0], [1], [1], [1], [1], [2, 0], [2, 0], [2]]
    held = settled(session, ballots, method="instant_runoff", tie_rule="earliest")
    answer = result_of(client, held)
    one, two, three = (topic.title for topic in paper.options(session, held.id))
    firsts = table(answer, "First choices, and their share of all ballots")
    assert [row[2:] for row in firsts] == [["3", "30%"], ["4", "40%"], ["3", "30%"]]
    assert table(answer, "Stage by stage") == [
        [f"{one} Chosen", "3", "5"],
        [two, "4", "4"],
        [three, "3", "out"],
        ["No choice stands any more", "0", "1"],
    ]
    shown = text_of(answer)
    assert "Instant-runoff: each ballot could put up to 3 topics in order." in shown
    assert "no ballot can be told by the rest of it" in shown
    assert "the one that was suggested first comes first" in shown


def test_advice_chooses_nothing(session: Session, client: FlaskClient) -> None:
    """[V7]"""
    held = settled(session, 6, quorum=50, quorum_rule="advisory")
    shown = text_of(result_of(client, held))
    first = paper.options(session, held.id)[0]
    assert "This result is advice Fewer than 50 patrons voted, so nothing was chosen" in shown
    assert f"This topic was ahead Not chosen this time {first.title}" in shown
    assert "Our patrons chose" not in shown
    assert "50 ballots; with fewer, the result would be advice." in shown


def test_advice_that_was_followed_says_why(session: Session, client: FlaskClient) -> None:
    """[V7] [V12] It went with the vote, not against it."""
    held, editor = settled(session, 6, quorum=50, quorum_rule="advisory"), factories.staff(session)
    first = paper.options(session, held.id)[0]
    topics.assign(session, first, editor, editor, reason="You asked for it first.")
    shown = text_of(result_of(client, held))
    said = f"This topic was ahead We are on it {first.title} {first.why} You asked for it first."
    assert said in shown
    assert "took up besides" not in shown


def test_a_void_round_says_so(session: Session, client: FlaskClient) -> None:
    """[V7]"""
    held = settled(session, 5, quorum=50)
    shown = text_of(result_of(client, held))
    assert "This round is void Fewer than 50 patrons voted, so nothing was chosen." in shown
    assert "Our patrons chose" not in shown
    assert "ahead" not in shown


def test_with_few_ballots_only_the_winners_are_shown(session: Session, client: FlaskClient) -> None:
    """[V8]"""
    held = settled(session, 4)
    answer = result_of(client, held)
    shown = text_of(answer)
    assert paper.options(session, held.id)[0].title in shown
    assert "So few voted" in shown
    for told in ("might have voted", "%", "Votes", "Turnout", "Digest", "<table", "export.json"):
        assert told not in answer.text
    assert client.get(f"/rounds/{held.id}/export.json").status_code == 404


def test_a_round_counted_before_the_electorate_was_kept(
    session: Session, client: FlaskClient
) -> None:
    held = settled(session, 5)
    session.get_one(Tally, held.id).electorate = None
    session.flush()
    assert "5 patrons voted." in text_of(result_of(client, held))


def test_what_became_of_the_winners(session: Session, client: FlaskClient) -> None:
    """[V10] Each with its state: a story with its address, a dropped topic with the reason."""
    held = settled(session, 6, seats=2)
    editor = factories.staff(session)
    reported, dropped, _other = paper.options(session, held.id)
    story = factories.article(session, title="The wells, one by one")
    for topic in (reported, dropped):
        topics.assign(session, topic, editor, editor)
    topics.publish(session, reported, story, editor)
    topics.change_state(session, dropped, "dropped", editor, reason="The file was sealed.")
    answer = result_of(client, held)
    shown = text_of(answer)
    assert f"Reported {reported.title}" in shown
    assert "You asked, we reported: The wells, one by one" in shown
    assert f'href="/articles/{story.slug}"' in answer.text
    assert f"Dropped {dropped.title} Because it matters here. The file was sealed." in shown


@pytest.mark.parametrize("quorum_rule", ["void", "advisory"])
def test_an_overruling_stands_beside_the_result_with_its_reason(
    session: Session, client: FlaskClient, quorum_rule: str
) -> None:
    """[V12] The count stays as it was."""
    held = settled(session, 6, quorum_rule=quorum_rule, quorum=6 if quorum_rule == "void" else 9)
    editor = factories.staff(session)
    digest = session.get_one(Tally, held.id).digest
    overruled = session.get_one(Topic, topic_ids(session, held)[2])
    topics.assign(session, overruled, editor, editor, reason="The dam broke since.")
    shown = text_of(result_of(client, held))
    heading = "What our editors took up besides, and why"
    assert f"{heading} We are on it {overruled.title}" in shown
    assert "The dam broke since." in shown
    assert digest in shown


def test_there_is_no_result_before_the_end(session: Session, client: FlaskClient) -> None:
    """[V4]"""
    held = factories.round_(session)
    answer = client.get(f"/rounds/{held.id}/result")
    assert (answer.status_code, answer.location) == (302, f"/rounds/{held.id}")
    assert client.get(f"/rounds/{held.id}/export.json").status_code == 404


def test_the_export_is_json_without_names(session: Session, client: FlaskClient) -> None:
    """[V6] [V8]"""
    held = settled(session, 5)
    answer = client.get(f"/rounds/{held.id}/export.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "account" not in json.dumps(answer.get_json())
