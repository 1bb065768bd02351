"""The operator's pages: see the house, ask it, act on it. View models are pure; Flask stands in a few modules only."""
