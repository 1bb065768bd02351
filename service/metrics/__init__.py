"""What is counted and timed, and how it is shown to Prometheus. A low room: it knows no other room of the service.

The only one that knows prometheus_client. Labels are words of ours, of the rules file or of Twilio's vocabulary, from
bounded sets: no SID, name, address, path or text of a customer may become one.
"""
