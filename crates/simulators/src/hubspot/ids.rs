//! Ids. Not from the seeded chance of the faults: ids that repeat from one run to the next would meet rows of an
//! earlier run in a database that is kept.

use rand::RngExt;

/// The first number of an object. Larger than 32 bits, as HubSpot's are.
pub(super) fn first_number() -> u64 {
    rand::rng().random_range(10_000_000..99_000_000) * 10_000
}

/// Such as `549b1c2a-9351-4e0f-8a51-3d0c9b1c2a93`: a `correlationId`.
pub(super) fn correlation() -> String {
    let mut random = rand::rng();
    let mut part = |digits: u32| {
        let number: u64 = random.random_range(0..16_u64.pow(digits));
        format!("{number:0width$x}", width = digits as usize)
    };
    [part(8), part(4), part(4), part(4), part(12)].join("-")
}
