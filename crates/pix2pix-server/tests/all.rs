//! The tests of the server, as one program, which is linked once.

mod api;
mod common;
mod malformed;
mod page;
mod schema;
mod site;
mod tab;
