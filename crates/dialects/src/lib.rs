//! How clients of real exchanges log in: finds identity, signature and signed bytes; never verifies.
