"""The only code that calls Twilio's REST API: an HTTP client with a budget, and the few operations we need."""
