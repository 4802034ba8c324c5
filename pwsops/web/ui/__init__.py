"""What pages are made of: templates, words for figures, colours, charts."""
