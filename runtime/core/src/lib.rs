//! Decides: what HR's file means, what people should have, and what each reply of an app leads to.
