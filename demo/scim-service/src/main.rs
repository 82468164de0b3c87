//! A small SCIM 2.0 service for the demo and the tests.

fn main() {}
