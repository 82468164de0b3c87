//! What an app's answer leads to: retried, awaited, looked at, asked; done, and seen to be done.
