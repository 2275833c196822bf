"""Who may look: the one place that pages, partials, exports and the websocket ask.

Comes in: a user. Goes out: yes or no, and for views the answer to a no. The default is active
staff; ``SIGNALSCOPE["ACCESS"]`` names a function that replaces it, and a path that cannot be used
lets nobody in.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string
from django_htmx.http import HttpResponseClientRedirect

from . import conf
from .causality import suppressed

logger = logging.getLogger(__name__)

Rule = Callable[[Any], Any]


class Resolved(NamedTuple):
    """The rule in force, or why there is none (then nobody may look)."""

    rule: Rule | None
    problem: str = ""


def active_staff(user: Any) -> bool:
    """Return whether the user is signed in, active and staff: the default rule."""
    return bool(getattr(user, "is_active", False) and getattr(user, "is_staff", False))


def resolve() -> Resolved:
    """Return the rule that ``SIGNALSCOPE["ACCESS"]`` names. Never raises."""
    path = conf.get().ACCESS
    if not path:
        return Resolved(active_staff)
    try:
        rule = import_string(path)
    except Exception as error:  # noqa: BLE001  (importing a project's module can raise anything)
        return Resolved(None, f"{path!r} cannot be imported: {type(error).__name__}: {error}")
    if not callable(rule):
        return Resolved(None, f"{path!r} is {type(rule).__name__}, not a function")
    if iscoroutinefunction(rule):
        return Resolved(None, f"{path!r} is a coroutine function, and its result would always count as yes")
    return Resolved(rule)


def allowed(user: Any) -> bool:
    """Return whether the user (``None`` or anonymous included) may look. Never raises; may run SQL.

    Where the pages are public everybody may, at what ``security`` lets the public see.
    """
    if conf.get().PUBLIC:
        return True
    rule = resolve().rule
    if rule is None:
        return False
    try:
        answer = rule(user)
        if inspect.iscoroutine(answer):
            answer.close()
            return False
        return bool(answer)
    except Exception:
        logger.exception("SIGNALSCOPE['ACCESS'] raised for a user, who is not let in.")
        return False


def required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a view, sync or async: only who is ``allowed`` reaches it.

    Others are sent to ``LOGIN_URL`` when they are not signed in, and get 403 with an explanation
    when they are. What the view does is not recorded.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def answer_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with suppressed():
                refusal = await sync_to_async(_refusal)(request)
                if refusal is not None:
                    return refusal
                response: HttpResponseBase = await view(request, *args, **kwargs)
                return response

        return _exempt(answer_async)

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with suppressed():
            refusal = _refusal(request)
            return view(request, *args, **kwargs) if refusal is None else refusal

    return _exempt(answer)


def _exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    # Django's LoginRequiredMiddleware would decide before the rule could:
    # https://docs.djangoproject.com/en/5.2/ref/middleware/#django.contrib.auth.middleware.LoginRequiredMiddleware
    view.login_required = False  # type: ignore[attr-defined]
    return view


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    user = getattr(request, "user", None)
    if allowed(user):
        return None
    if getattr(user, "is_authenticated", False):
        return _forbidden(request, user)
    return _to_login(request) if hasattr(request, "user") else _without_users()


def login_url() -> str | None:
    """Return where to sign in, or ``None`` when ``LOGIN_URL`` names a view that does not exist."""
    try:
        return resolve_url(django_settings.LOGIN_URL)
    except NoReverseMatch:
        return None


def _to_login(request: HttpRequest) -> HttpResponse:
    url = _login_and_back(request)
    if not url:
        return _page(
            f"Sign in first. This project's LOGIN_URL, {django_settings.LOGIN_URL!r}, names no view.",
            "Set LOGIN_URL to the login page's path or URL name.",
        )
    # A redirect would put the login page into the part of the page that htmx swaps.
    return HttpResponseClientRedirect(url) if _is_from_htmx(request) else HttpResponseRedirect(url)


def _login_and_back(request: HttpRequest) -> str:
    login = login_url()
    if login is None:
        return ""
    target = _page_of(request) if _is_from_htmx(request) else request.get_full_path()
    joint = "&" if urlsplit(login).query else "?"
    return f"{login}{joint}{urlencode({'next': target})}"


def _is_from_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _page_of(request: HttpRequest) -> str:
    current = urlsplit(request.headers.get("HX-Current-URL", ""))
    if not current.path.startswith("/"):
        return request.get_full_path()
    return f"{current.path}?{current.query}" if current.query else current.path


def _forbidden(request: HttpRequest, user: Any) -> HttpResponse:
    name = getattr(user, "get_username", lambda: "a user without a name")()
    if not conf.get().ACCESS:
        reason = f"Signalscope is open to active staff users, and {name} is not one."
        remedy = (
            "Have an administrator give this user staff status, or sign in as somebody who has it."
            if hasattr(user, "is_staff")
            else "This project's users have no is_staff: name a function f(user) in SIGNALSCOPE['ACCESS']."
        )
    elif resolve().rule is None:
        reason = "SIGNALSCOPE['ACCESS'] cannot be used, so nobody is let in."
        return _page(reason, "Run manage.py check: it says what is wrong.")
    else:
        reason = f"This project's SIGNALSCOPE['ACCESS'] does not let {name} in."
        remedy = "Ask whoever runs the project, or sign in as another user."
    return _page(reason, remedy, _login_and_back(request))


def _without_users() -> HttpResponse:
    return _page(
        "Nobody can sign in here: requests have no user, for 'django.contrib.auth' or its middleware is "
        "missing.",
        "Add both, or set SIGNALSCOPE['ACCESS'] to the dotted path of a function f(user) -> bool, which is "
        "given None.",
    )


def not_public() -> HttpResponse:
    """Return the answer to a request for what the public may not see or do."""
    return _page("This page is not public here.", "What is public: Live, Graph, Receivers and History.")


def _page(reason: str, remedy: str, login: str = "") -> HttpResponse:
    context = {
        "title": "Not allowed",
        "reason": reason,
        "remedy": remedy,
        "href": login,
        "action": "Sign in as another user",
    }
    return HttpResponseForbidden(render_to_string("signalscope/alone.html", context))
