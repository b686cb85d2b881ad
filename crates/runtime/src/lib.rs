//! What a process needs around a role: tracing, metrics registry, lifecycle, drain, admin port.
