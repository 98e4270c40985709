//! The simulators, from outside: over HTTP, as their users meet them.

mod hubspot;
mod stripe;
mod support;
