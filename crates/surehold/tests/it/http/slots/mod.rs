//! Experiences and their slots: what staff does with them, and what travellers see.

mod borders;
mod calendar;
mod experiences;
mod fields;
mod series;
