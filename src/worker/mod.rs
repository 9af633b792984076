//! Runs the commands of plans and sends HTTP requests; no other module does.
//!
//! The commands come from the spec branch, so people who can change it decide what this machine runs;
//! there is no sandbox. Commands are only kept from disturbing each other: an argument list and never a
//! shell, an environment that is built and not inherited, a process group that ends as a whole, and a
//! bounded log.
//!
//! | file | what it does |
//! |---|---|
//! | `process` | run a command until it ends, times out or is stopped |
//! | `log` | the bounded output of a command |
//! | `tool` | the configuration of a `tool://` target; its environment, inputs and outputs |
//! | `http` | one HTTP request |
//! | `criteria` | check an acceptance criterion |
//! | `external` | ask whether something outside has happened |
//! | `signals` | notice that this process should end |

pub mod criteria;
pub mod external;
pub mod http;
pub mod log;
pub mod process;
pub mod signals;
pub mod tool;

/// Whether commands can be run on this system: process groups are Unix's.
pub const IS_SUPPORTED: bool = cfg!(unix);
