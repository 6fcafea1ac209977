//! The scope of a composite operator: the operators that it is made of bear its name, and take one number together.
//!
//! So what a program calls once is named once in errors, events and checkpoints, and the numbers of operators are those of
//! the program's own calls.

use std::cell::Cell;

use crate::context::StreamingContext;
use crate::operator::OperatorName;

impl StreamingContext {
    /// Runs `build`: every operator made in it is a part of one that is called `kind`, or of the composite operator that is
    /// being built already.
    pub(crate) fn composite<R>(&self, kind: &'static str, build: impl FnOnce() -> R) -> R {
        if OPEN.get().is_some() {
            return build();
        }
        OPEN.set(Some(self.graph().name(kind)));
        let _closed_at_the_end = Closing;
        build()
    }

    /// The name of the next operator: of its own, or that of the next part of a composite one.
    pub(crate) fn name_operator(&self, kind: &'static str) -> OperatorName {
        let Some(part) = OPEN.get() else { return self.graph().name(kind) };
        OPEN.set(Some(part.next_part()));
        part
    }
}

struct Closing;

impl Drop for Closing {
    fn drop(&mut self) {
        OPEN.set(None);
    }
}

thread_local! {
    // The name of the next part. Of the thread, since only our own code runs on it from the begin of a composite to its end,
    // and others may build their streams at the same time.
    static OPEN: Cell<Option<OperatorName>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn parts_have_the_name_and_number_of_the_outermost_composite_and_are_told_apart_all_the_same() {
        let ctx = StreamingContext::builder("test").batch_interval(Duration::from_secs(1)).build().unwrap();
        let before = ctx.name_operator("map");
        let parts = ctx.composite("outer", || {
            let first = ctx.name_operator("map");
            [first, ctx.composite("inner", || ctx.name_operator("window")), ctx.name_operator("map")]
        });
        let after = ctx.name_operator("map");
        assert_eq!(parts.map(|part| part.to_string()), ["outer #1", "outer #1", "outer #1"]);
        assert!(parts[0] != parts[1] && parts[1] != parts[2] && parts[0] != parts[2]);
        assert_eq!([before, after].map(|name| name.to_string()), ["map #0", "map #2"]);
    }
}
