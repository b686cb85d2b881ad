//! The protocol's promises, each checked over every transport that can break it.

mod admission;
mod enrolment;
mod fallback;
mod faults;
mod fixture;
mod messages;
mod reload;
