//! What is on or off.

use clap::ValueEnum;

/// Whether something is on. What that means, the help of the option says.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}
