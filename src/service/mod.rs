//! The daemon around the pipeline: one ingest thread, one that imports registers, and a current-thread runtime for
//! signals, the postman and the watchdog.
//!
//! A task that ends ends the process; systemd restarts it. Not here: what the tasks carry (`mail`, `store`).

pub mod import;
mod ingest;
mod outbox;
pub mod postman;
mod registrar;
mod run;
pub mod settle;
pub mod setup;
pub mod trial;

pub use ingest::{Ingest, IngestError};
pub use outbox::StoreOutbox;
pub use run::{Ran, RunError, RunOptions, run, run_until_idle};
