"""Margin: what contracts cost and earn from day to day.

A client's deferred contracts are marked to the settlement price every evening: profit and loss become cash at once, margin is
held for what stays open, and longs and shorts pay each other for deferring delivery. The rules are pure functions on columns
of integers; nothing in them reads a clock or a database.

    contracts     what a lot is and what it is worth, as on one day
    rules         the dated rows that say so, each with its source; `rulebook` keeps the exchange's
    market        what the exchange published about a day
    lots          what is open, trade by trade, and how closing takes from it
    settlement    a day of every position
    day           what it changes in each client's cash, and the check that money only changed hands
    funds         equity, available, withdrawable, risk degree, grade and call
    planning      everything that a day will move, decided before anything is moved
    day_end       the plan, carried out in the ledger
    standing      how clients stand while a day goes on
"""
