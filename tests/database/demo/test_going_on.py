"""The market going on: a day lived through one by one is as exact as one lived through at once, beside deposits of others."""

from __future__ import annotations

import time

from ringfence.access import Persons
from ringfence.api import Service
from ringfence.custody import EquationReader, verify_circle
from ringfence.database import Store
from ringfence.demo.live import GoingOn
from ringfence.demo.people import BANKS
from ringfence.demo.run import Plan, run
from ringfence.ledger import Ledger

PLAN = Plan(3, 36, 7)


def test_days_go_on_and_everything_adds_up(store: Store) -> None:
    run(store, PLAN)
    days = PLAN.all_days()[PLAN.days :]
    with Service.open(store, replay=True) as service, EquationReader(store, BANKS) as reader:
        assert Persons(store).all() == []
        with GoingOn(store, PLAN, service.live, service.refusals, service.logins, seconds_a_day=8) as market:
            deadline = time.monotonic() + 60
            seen = 0
            while market.day != days[1] and market.trouble is None and time.monotonic() < deadline:
                assert reader.read().holds
                seen += 1
                time.sleep(0.05)
        assert market.trouble is None
        assert market.day == days[1]
        assert seen > 50
        count, _, outside = service.refusals.after(0)
    with Ledger(store, "exchange", "auditor") as ledger:
        assert ledger.closed_through == days[0]
        ((deposits, withdrawals),) = ledger.rows(
            "SELECT count(*) FILTER (WHERE r.name = 'deposit'), count(*) FILTER (WHERE r.name = 'withdrawal' AND p.action = 2) "
            "FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route WHERE p.value_date = %s",
            (days[0],),
        )
        ((settled,),) = ledger.rows(
            "SELECT count(*) FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route "
            "WHERE r.name IN ('profit', 'loss') AND p.value_date = %s",
            (days[0],),
        )
    assert min(deposits, withdrawals, settled) > 0
    assert count >= sum(outside.values())
    assert verify_circle(store, BANKS).findings == []
