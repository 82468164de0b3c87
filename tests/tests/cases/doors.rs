//! The daemon's doors and its one writer: full disks, clients that hang, secrets that are rotated.
