"""What else is watched beside signals: each module one ``install``/``uninstall`` pair."""
