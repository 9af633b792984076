//! How the verbs show what became of resources: `apply`, `edit`, `delete` and `start`.

use super::{Context, TextFormat, show_findings};
use crate::api::Answer;
use crate::failure::Outcome;
use crate::service::change::Committed;
use crate::show;

impl Context {
    /// Show what came of a change: an answer with its text, and for people where the change is and
    /// what is wrong all the same.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn changed<A: Answer>(
        &self,
        format: TextFormat,
        (answer, text): (&A, &str),
        change: &Committed,
    ) -> Outcome {
        if format == TextFormat::Text {
            show_findings(self.terminal, &change.findings);
        }
        self.show(format, answer, (text, &change.notes))?;
        if format == TextFormat::Text
            && let Some(told) = show::change::whereabouts(&change.answer())
        {
            self.terminal.note(&told);
        }
        Ok(())
    }
}
