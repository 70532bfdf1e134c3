"""How a sweep stands, from its storage alone: `python -m orchestrator.status SPEC`."""
