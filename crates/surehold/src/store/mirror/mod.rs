//! What the mirror at HubSpot remembers: which rows wait, what HubSpot calls them, who runs, what was counted.
//!
//! Its statements run beside bookings, never in their transactions. Changes of what is mirrored go through the desk.

pub mod changes;
pub mod credits;
pub mod links;
pub mod rows;
pub mod status;
pub mod syncs;

/// Every statement of the mirror, for the test that prepares them.
pub fn statements() -> Vec<String> {
    let fixed = [changes::STATEMENTS, credits::STATEMENTS, links::STATEMENTS, status::STATEMENTS, syncs::STATEMENTS];
    fixed.concat().into_iter().map(str::to_owned).chain(rows::statements()).collect()
}
