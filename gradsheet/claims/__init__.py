"""Claims: sheets read, compared with the truth, and given their verdicts."""
