//! Work that goes on beside requests. Workers change seats, credits and bookings only through the desk.

pub mod session_cancellation;
