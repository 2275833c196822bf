"""The addresses of the pages, for ``path("signals/", include("dashboard.urls"))``."""

from django.urls import include, path

from .views import (
    compare,
    completions,
    emission,
    entry,
    export,
    graph,
    history,
    live,
    menu,
    presets,
    receivers,
    replay,
    session_file,
    sessions,
    trace,
)

app_name = "signalscope"

pages = [
    path("", live.live, name="live"),
    path("query/complete/", completions.completions, name="complete"),
    path("presets/", presets.presets, name="presets"),
    path("rows/<str:trace>/", live.rows, name="rows"),
    path("rows/<str:trace>/menu/", menu.trace, name="trace_menu"),
    path("traces/<str:trace>/", trace.trace, name="trace"),
    path("traces/<str:trace>/export/<str:format>/", export.export, name="export"),
    path("emissions/<str:id>/", emission.emission, name="emission"),
    path("emissions/<str:id>/menu/", menu.emission, name="emission_menu"),
    path("entries/<int:seq>/", entry.entry, name="entry"),
    path("history/", history.history, name="history"),
    path("history/replay/", replay.replay, name="replay"),
    path("graph/", graph.graph, name="graph"),
    path("graph/nodes/<str:id>/", graph.node, name="node"),
    path("graph/export/<str:format>/", graph.export, name="graph-export"),
    path("receivers/", receivers.roster, name="receivers"),
    path("receivers/<str:key>/", receivers.receiver, name="receiver"),
    path("compare/", compare.compare_page, name="compare"),
    path("export/", session_file.session_file, name="session_file"),
]
"""What can be looked at in the live journal, and in an imported session just the same."""

urlpatterns = [
    *pages,
    path("sessions/", sessions.sessions, name="sessions"),
    path("sessions/import/", sessions.add, name="import"),
    path("sessions/<str:name>/delete/", sessions.delete, name="delete"),
    path("sessions/<str:session>/", include(pages)),
]
