"""How far a sweep is, from its storage alone: `python -m orchestrator.status SPEC`."""
