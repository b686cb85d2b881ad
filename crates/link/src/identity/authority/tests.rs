//! Claims about what an authority signs and what it refuses.

use super::*;
