-- Sends that still count against a budget: one row for each scope and subject (a number, a mailbox, an account, a
-- network …), see core's budget. counted says when and how many. After ends_at none of them counts any more.
CREATE TABLE budgets (
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    counted TEXT NOT NULL,
    ends_at {int} NOT NULL,
    notified_at {int},
    PRIMARY KEY (scope, subject)
){strict};
CREATE INDEX budgets_that_ended ON budgets (ends_at);
