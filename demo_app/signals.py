"""The magazine's own signals.

Comes in: sent by ``publishing``, ``views`` and two receivers. Goes out: to ``demo_app.receivers``.
"""

from django.dispatch import Signal

post_published = Signal()
"""A post went public. ``sender`` is ``Post``; ``instance`` the post, ``channel`` where it was published."""

newsletter_sent = Signal()
"""A newsletter went out. ``sender`` is ``Newsletter``; ``instance`` it, ``recipients`` to how many."""

page_viewed = Signal()
"""A post's page was shown. ``sender`` is ``Post``; ``instance`` the post."""

milestone_reached = Signal()
"""A post was viewed a round number of times. ``sender`` is ``Post``; ``instance`` the post, ``views``."""
