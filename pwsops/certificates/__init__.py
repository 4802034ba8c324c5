"""Certificates with their private keys: read from files, written into files, made."""
