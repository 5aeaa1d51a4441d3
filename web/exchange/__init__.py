"""The archive service: hand-overs on line, for the programs of agencies, under /lgsp/v1 (docs/lgsp.md)."""
