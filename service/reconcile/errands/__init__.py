"""What is asked once of a conversation (leave, remove, end, park, wake) and worked on until it is done or refused."""
