"""The portal's pages, one module a page: each has a `router`. OPEN ones need no log-in, all others do."""

from __future__ import annotations

from fastapi import APIRouter

from web.pages import (
    account,
    accounts,
    administration,
    audit,
    casefiles,
    deadlines,
    destructions,
    documents,
    holds,
    home,
    login,
    notices,
    plan,
    programs,
    quarantine,
    readings,
    retention,
    review,
    saved,
    search,
    settings,
    sign_on,
    tasks,
    transfers,
    trust,
    votes,
)

OPEN: list[APIRouter] = [login.router, sign_on.router]
ROUTERS: list[APIRouter] = [home.router, search.router, saved.router, documents.router, casefiles.router, plan.router,
                            review.router, quarantine.router, notices.router, tasks.router, retention.router,
                            holds.router, destructions.router, votes.router, transfers.router, deadlines.router,
                            accounts.router, account.router,
                            administration.router, settings.router, trust.router, audit.router, readings.router,
                            programs.router]
