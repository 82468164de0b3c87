//! What the daemon says over HTTP and over its unix socket: versioned JSON types of its own, so that
//! a core type can change without changing an answer that somebody's script reads. And what is said where
//! there is no answer: a [`Fault`](error::Fault), with its code and the [`page`] that explains it.

pub mod error;
pub mod page;
mod pages;
pub mod v1;

pub use pages::PAGES;
