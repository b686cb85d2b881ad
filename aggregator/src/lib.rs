//! Memory and judgement: intake, admit, journal, heads, query, serve.
