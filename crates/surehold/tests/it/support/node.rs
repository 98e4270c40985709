//! Programs of callers, in Node, with the client that they use.

#[path = "../../../../simulators/tests/node/driver.rs"]
mod driver;

/// Runs a script of `tests/node` to its last step, and returns what it printed.
pub async fn node(script: &str, settings: &[(&str, &str)]) -> String {
    driver::node("@supabase/supabase-js", script, settings).await
}
