//! The daemon around the pipeline: one ingest thread, and a current-thread runtime for signals, the postman and
//! the watchdog.
//!
//! A task that ends ends the process; systemd restarts it. Not here: what the tasks carry (`mail`, `store`).

mod ingest;
mod outbox;
pub mod postman;
mod run;
pub mod setup;

pub use ingest::{Ingest, IngestError};
pub use outbox::StoreOutbox;
pub use run::{Ran, RunError, RunOptions, run, run_until_idle};
