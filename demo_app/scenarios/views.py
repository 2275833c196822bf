"""The scenario page and what its buttons post to.

Comes in: requests of staff. Goes out: a page, and a played scenario.
"""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from .registry import UnknownScenarioError, catalogue, find


@require_safe
@staff_member_required
def scenario_list(request: HttpRequest) -> HttpResponse:
    """Show every scenario with its button; ``?played=`` marks the one just played."""
    context = {"scenarios": catalogue(), "played": request.GET.get("played", "")}
    return render(request, "demo_app/scenarios.html", context)


@staff_member_required
def run_scenario(request: HttpRequest, name: str) -> HttpResponse:
    """Play a scenario, then go to ``next`` or the live page; htmx is told 204 and stays where it is.

    A GET, as after a login, leads to the scenario page and plays nothing.
    """
    try:
        chosen = find(name)
    except UnknownScenarioError as error:
        raise Http404(str(error)) from error
    if request.method != "POST":
        return redirect("demo_app:scenarios")
    chosen.play()
    if getattr(request, "htmx", False):
        return HttpResponse(status=204)
    target = request.POST.get("next", "")
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(target, hosts, require_https=request.is_secure()):
        target = reverse("signalscope:live")
    return redirect(target)
