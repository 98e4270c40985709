//! HubSpot's simulator, as a program that mirrors its records there meets it.
