//! Append-only CRC32C segments with group commit.
