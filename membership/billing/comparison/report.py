"""What a run found, for the terminal."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.comparison.models import Comparison, Difference
from membership.billing.comparison.stages import COUNTED


@dataclass(frozen=True)
class Report:
    """What a run found: its row, its differences, and how many could not be repaired."""

    run: Comparison
    differences: list[Difference]

    @property
    def unrepaired(self) -> int:
        return sum(each.repaired_at is None for each in self.differences)

    def lines(self) -> list[str]:
        """They name ids, fields and values, and no person."""
        counts = ", ".join(f"{getattr(self.run, each)} {each}" for each in COUNTED)
        said = [f"Compared: {counts}. Differences: {len(self.differences)}."]
        for each in self.differences:
            became = "repaired" if each.repaired_at else f"not repaired: {each.last_error}"
            said.append(f"{each.kind} {each.stripe_id}: {became}")
            said += [f"  {name}: {ours} → {theirs}" for name, (ours, theirs) in each.fields.items()]
        return said


def report(session: Session, comparison_id: int) -> Report:
    query = select(Difference).where(Difference.comparison_id == comparison_id)
    differences = list(session.scalars(query.order_by(Difference.id)))
    return Report(session.get_one(Comparison, comparison_id), differences)
