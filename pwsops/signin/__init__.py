"""Who somebody is: passwords, sessions, one-time links, machines' tokens, OpenID Connect. No pages, no catalogue."""
