"""Staff pages call everything by a name that people know."""

import ast
from collections.abc import Iterator
from pathlib import Path

import membership
from membership.mail import kinds
from membership.reports import words
from membership.reports.deeds import DEEDS
from membership.voting.models import TOPIC_STATES

SOURCES = Path(membership.__file__).parent
# What actions are made of that the sources spell by the state that something reaches.
STATES = {"topic.": TOPIC_STATES, "round.": ("settled", "void")}


def test_every_deed_in_the_audit_log_has_a_name() -> None:
    """[S9] Each action that the sources write, whether directly or through a function of theirs."""
    written = {action for path in SOURCES.rglob("*.py") for action in actions(path.read_text())}
    assert written == set(DEEDS)


def test_every_kind_of_mail_has_a_name(app: object) -> None:
    """[M7]"""
    assert kinds.names() == set(words.KIND)


def actions(source: str) -> Iterator[str]:
    """What `source` gives to audit.record, or to a function that hands it on, as its action."""
    if "audit.record(" not in source:
        return
    tree = ast.parse(source)
    writers = {"audit.record"} | {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and "action" in [each.arg for each in function.args.args]
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in writers:
            yield from values(call.args[1], tree)


def values(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(action)):
            yield action
        case ast.IfExp(body=one, orelse=other):
            yield from values(one, tree)
            yield from values(other, tree)
        case ast.JoinedStr(values=[ast.Constant(value=str(beginning)), _]):
            yield from (f"{beginning}{state}" for state in STATES[beginning])
        case ast.Name(id=name) if name != "action":
            (assigned,) = (
                each.value
                for each in ast.walk(tree)
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name
            )
            yield from values(assigned, tree)
        case ast.Name(id="action"):
            return
        case _:
            raise AssertionError(f"an action that this test cannot read: {ast.unparse(node)}")
