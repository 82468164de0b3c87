//! What the cells of HR's file say, and what HR is told about them.
