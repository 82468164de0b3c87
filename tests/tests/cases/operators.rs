//! What IT sees, decides and configures: who approved, what is wrong with the configuration.

mod decided;
mod edited;
