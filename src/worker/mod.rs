//! The worker's room: the only place that runs the commands of plans and speaks HTTP.
//!
//! What is run comes from the spec branch, so whoever decides there decides what this machine does;
//! nothing here is a sandbox. It is what keeps one command from disturbing another: an argument
//! list and never a shell, an environment that is made and not inherited, a process group that ends
//! as a whole, a log that is bounded.
//!
//! | file | what it does |
//! |---|---|
//! | `process` | run a command to its end, to its timeout, or until it is to stop |
//! | `log` | what a command printed, bounded |
//! | `tool` | the configuration of a `tool://` target; its environment, inputs and outputs |
//! | `http` | one question over HTTP |
//! | `criteria` | check an acceptance criterion |
//! | `external` | ask whether something outside has happened |
//! | `signals` | notice that this process is to end |

pub mod criteria;
pub mod external;
pub mod http;
pub mod log;
pub mod process;
pub mod signals;
pub mod tool;

/// Whether commands can be run on this system: process groups are Unix's.
pub const IS_SUPPORTED: bool = cfg!(unix);
