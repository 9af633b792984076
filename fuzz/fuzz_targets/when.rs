//! Conditions of nodes: any text compiles or has mistakes, each with a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use planspec::core::plan::when::{MAX_CHARS, When};

fuzz_target!(|text: &str| {
    match When::compile(text) {
        Ok(condition) => {
            assert!(text.chars().count() <= MAX_CHARS);
            let mentions = condition.mentions();
            assert!(mentions.is_sorted_by(|a, b| a.node <= b.node), "{mentions:?}");
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|mistake| !mistake.message.is_empty()));
        }
    }
});
