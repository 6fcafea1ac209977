//! What this program says: results on standard output, everything else on standard error. Neither panics when nobody
//! reads it any more.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Prints a line of a result.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(|error| not_printed(&error))
}

/// Tells the user something. There is nobody to tell when that fails.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Why a result could not be printed; a reader that has gone, such as `head`, needs no message.
pub(crate) fn not_printed(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Quiet,
        _ => Failure::of("cannot write to standard output", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_a_failure_without_a_message_and_a_full_disk_one_with() {
        assert!(matches!(not_printed(&ErrorKind::BrokenPipe.into()), Failure::Quiet));
        assert!(matches!(not_printed(&ErrorKind::StorageFull.into()), Failure::Failed(_)));
    }
}
