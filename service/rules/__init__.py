"""The rules: conditions in TaskRouter's expression language, the YAML file that holds them, and deciding by them.

Pure: nothing in here knows Flask, Redis, Twilio's REST API, a clock or the environment. Only ``loading`` and
``commands`` open the rules file. PyYAML stays in the modules that read that file, pydantic in the one that
describes its structure.
"""
