//! The mirror at HubSpot, against a stand-in for it.

mod lookup;
