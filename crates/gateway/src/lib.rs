//! The shell: accept, TLS, detect, authenticate, admit, forward; operator port; metrics; audit.
