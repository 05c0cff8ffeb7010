//! The record proves itself: archives made by the pipeline under a clock that is moved, then attacked, then verified by
//! the program as it is shipped. Each attack is one an insider with root has tried somewhere.

mod archive;
mod export;
mod hindsight;
mod ledger;
mod outside;
mod powercut;
mod retention;
mod rows;
mod segments;
mod settings;
mod store;
mod told;
mod traces;
