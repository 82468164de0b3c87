//! Harness, scenarios, conformance and end-to-end tests.
