//! What IT sees, decides and configures: who approved, what is wrong with the configuration.

mod checked;
mod decided;
mod edited;
mod machine;
