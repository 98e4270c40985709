//! How many requests can be in flight: each has a connection, and each connection is an open file.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

const USUAL: usize = 2000;
/// Files besides the connections of requests in flight.
const OTHERS: u64 = 64;

/// The bound on requests in flight: what was asked for, else the usual one as far as the system allows it.
///
/// # Errors
///
/// A sentence, if more was asked for than the system allows.
pub fn in_flight_max(asked: Option<u32>) -> Result<usize, String> {
    let allowed = usize::try_from(raise().saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(1);
    match asked.map(|n| n as usize) {
        None => Ok(USUAL.min(allowed)),
        Some(n) if n <= allowed => Ok(n),
        Some(n) => Err(format!(
            "--in-flight-max {n} needs as many open files, and this account may have {}: lower it to {allowed}, or \
             raise the limit (ulimit -n)",
            allowed as u64 + OTHERS
        )),
    }
}

/// Takes what the system allows at most: the limit that a shell starts with is often much lower.
fn raise() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}
