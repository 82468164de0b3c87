//! Real services for the tests, and the host through which the connector reaches them.

#![expect(clippy::expect_used, clippy::panic, reason = "test code")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]

pub(crate) mod app;
pub(crate) mod http;
pub(crate) mod service;
