"""The documentation as a site of plain files: README, docs/ and pages of the public modules.

`python -m workshop.site` builds it with Zensical, which gets a folder of Markdown that `pages`
lays out; `check` holds what comes of it to what a reader may expect: no link leads nowhere, and
nothing is fetched from elsewhere.
"""
