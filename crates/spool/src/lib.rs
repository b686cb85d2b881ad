//! A bounded queue that survives a crash: journal segments and a sled ledger.
