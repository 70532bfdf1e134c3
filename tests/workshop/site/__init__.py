"""The documentation as a site of plain files: README, docs/ and pages of the public modules.

`python -m tests.workshop.site FOLDER` builds it with Zensical, which gets a folder of Markdown that
`pages` lays out; `check` holds what comes of it to what a reader may expect: no link leads nowhere,
and nothing is fetched from elsewhere. Its search asks for a server, such as `http.server`:
browsers let no page that is opened as a file read another.
"""
