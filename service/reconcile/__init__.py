"""What is done in the background: finish what was asked for, judge what has lapsed, catch up on what was missed."""
