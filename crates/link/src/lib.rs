//! The transport: QUIC and gRPC with mTLS, identity, enrolment.
