"""Flex Router: routes conversations to people on Twilio Flex and rescues those that nobody takes."""
