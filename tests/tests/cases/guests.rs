//! Plugins that misbehave, and what becomes of a version that is wrong.
