//! The private CA, server and operator certificates, hot reload, resumption tickets.
