"""What is orphaned in an account today, seen at Twilio itself, and what can be done about it.

Our own records are no witness here: the first audit is made before anything else is connected.
"""
