"""The addresses of the pages, for ``path("signals/", include("dashboard.urls"))``."""

from django.urls import path

from .views import completions, emission, export, graph, live, presets, receivers, trace

app_name = "signalscope"

urlpatterns = [
    path("", live.live, name="live"),
    path("query/complete/", completions.completions, name="complete"),
    path("presets/", presets.presets, name="presets"),
    path("rows/<str:trace>/", live.rows, name="rows"),
    path("traces/<str:trace>/", trace.trace, name="trace"),
    path("traces/<str:trace>/export/<str:format>/", export.export, name="export"),
    path("emissions/<str:id>/", emission.emission, name="emission"),
    path("graph/", graph.graph, name="graph"),
    path("graph/nodes/<str:id>/", graph.node, name="node"),
    path("graph/export/<str:format>/", graph.export, name="graph-export"),
    path("receivers/", receivers.roster, name="receivers"),
    path("receivers/<str:key>/", receivers.receiver, name="receiver"),
]
