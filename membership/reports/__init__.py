"""What the dashboards ask: rollups, MRR movements, patrons."""
