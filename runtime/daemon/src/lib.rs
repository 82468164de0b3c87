//! Acts: everything of Muster that touches the world. `muster serve` runs it, and the same program is
//! the command line that talks to it.
//!
//! The core decides, the ledger remembers, the host runs plugins; this crate alone joins them.
//! [`muster_config`] says what is wanted, [`server`] holds the doors, [`answers`] what they are asked,
//! [`muster_api`] is what the doors and the command line say to each other, and [`local`] is what the
//! command line does in its own process.
//! [`start`] puts the daemon together: [`muster_intake`] reads HR's files, [`feeds`] decides about them,
//! [`planning`] makes plans, [`driver`] carries them out at the [`targets`] through [`plugins`],
//! [`reconcile`] reads what is really there, and [`replan`] follows the [`policy`] and the calendar.

pub mod answers;
pub mod clock;
pub mod driver;
pub mod feeds;
pub mod findings;
pub mod local;
pub mod planning;
pub mod plugins;
pub mod policy;
pub mod reconcile;
pub mod replan;
pub mod server;
pub mod start;
pub mod targets;
