//! Ids that look like Stripe's: a prefix that names the kind of object, then letters and digits by chance.
//!
//! Not from the seeded source of the faults: ids that repeat from one run to the next would meet rows of an
//! earlier run in a database that is kept.

use rand::RngExt;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new id.
pub(super) fn new(prefix: &str, length: usize) -> String {
    let mut random = rand::rng();
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    id.extend((0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])));
    id
}

/// The id of a request: the header `Request-Id`.
pub(super) fn request() -> String {
    new("req_", 14)
}
