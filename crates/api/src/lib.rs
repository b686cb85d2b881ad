//! The HTTP dialects: Prometheus, Loki, weft.
