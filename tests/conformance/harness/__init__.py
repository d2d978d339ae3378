"""What the black-box tests share: the server under test, its credentials, raw TLS, and a counting venue."""
