//! Edge: the only way out — connect, TLS, deadline. Never retries and never reads a protocol: callers do.
