"""A cluster that exists in numbers only: what its observers would write, and what really happened.

Nothing here knows how flowstitch reads or joins, so that the join can be measured against it: of the package it uses the
errors, the directory that appears whole, and the schemas of the canonical tables.
"""
