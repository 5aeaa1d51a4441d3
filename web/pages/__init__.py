"""The portal's pages, one module a page: each has a `router`. OPEN ones need no log-in, all others do."""

from __future__ import annotations

from fastapi import APIRouter

from web.pages import account, accounts, casefiles, documents, home, login, quarantine, review, search

OPEN: list[APIRouter] = [login.router]
ROUTERS: list[APIRouter] = [home.router, search.router, documents.router, casefiles.router, review.router,
                            quarantine.router, accounts.router, account.router]
