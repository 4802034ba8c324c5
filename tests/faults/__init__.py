"""Every call of the system that the media side makes, failing in every way."""
