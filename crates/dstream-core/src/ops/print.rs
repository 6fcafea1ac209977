//! `print`: the first records of each batch, in Spark's block form.

use std::fmt::{self, Display, Formatter, Write as _};
use std::sync::Arc;

use crate::dstream::DStream;
use crate::lock::lock;
use crate::time::Time;

impl<T: Printable + Send + 'static> DStream<T> {
    /// Prints the first 10 records of each batch; see [`print_n`](Self::print_n).
    pub fn print(&self) {
        self.print_n(10);
    }

    /// Prints the first `n` records of each batch to standard output, or to where
    /// [`print_to`](crate::StreamingContextBuilder::print_to) says: a rule of 43 dashes, the batch time, a second rule, one
    /// line for each record, `...` if there are more, and an empty line. An empty batch prints an empty block.
    ///
    /// Only as many partitions as needed are computed. A write that fails fails the batch attempt.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// batches_of(1, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![("a", 1), ("b", 2)]]);
    ///     // -------------------------------------------
    ///     // Time: 1000 ms
    ///     // -------------------------------------------
    ///     // (a,1)
    ///     // ...
    ///     //
    ///     pairs.print_n(1);
    ///     Ok(pairs)
    /// })
    /// .await?;
    /// # Ok(()) }
    /// ```
    pub fn print_n(&self, n: usize) {
        let out = Arc::clone(self.context().printer());
        self.add_output("print", move |rdd, time| {
            let block = block_of(&rdd.take(n.saturating_add(1))?, n, time);
            // One write under one lock: the blocks of several contexts do not mix.
            let mut out = lock(&out);
            out.write_all(block.as_bytes())?;
            Ok(out.flush()?)
        });
    }
}

/// The text of a batch of which the first `n` and perhaps one more record are given.
fn block_of<T: Printable>(records: &[T], n: usize, time: Time) -> String {
    let rule = "-".repeat(43);
    let mut block = format!("{rule}\nTime: {time}\n{rule}\n");
    for record in records.iter().take(n) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(block, "{}", Line(record));
    }
    if records.len() > n {
        block.push_str("...\n");
    }
    block.push('\n');
    block
}

pub(crate) struct Line<'a, T>(pub(crate) &'a T);

impl<T: Printable> Display for Line<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.print(f)
    }
}

/// How a record looks in [`DStream::print`]: as Spark prints it, tuples as `(word,1)`, texts without quotes.
///
/// Implemented for numbers, texts, `bool`, `char`, `()`, references, options, vectors and tuples up to four. For another type
/// implement it, or map the records to a `String` first.
pub trait Printable {
    /// Writes the record on one line.
    ///
    /// # Errors
    /// Only those of `f`.
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

macro_rules! printable_as_displayed {
    ($($type:ty)*) => {$(
        impl Printable for $type {
            fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self, f)
            }
        }
    )*};
}

printable_as_displayed!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char str String);

macro_rules! printable_tuple {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Printable, $($rest: Printable),*> Printable for ($first, $($rest,)*) {
            #[expect(non_snake_case, reason = "a field is named like its type")]
            fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
                let ($first, $($rest,)*) = self;
                f.write_str("(")?;
                $first.print(f)?;
                $(
                    f.write_str(",")?;
                    $rest.print(f)?;
                )*
                f.write_str(")")
            }
        }
    };
}

printable_tuple!(A);
printable_tuple!(A B);
printable_tuple!(A B C);
printable_tuple!(A B C D);

impl Printable for () {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("()")
    }
}

impl<T: Printable + ?Sized> Printable for &T {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).print(f)
    }
}

impl<T: Printable> Printable for Option<T> {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => write!(f, "Some({})", Line(value)),
            None => f.write_str("None"),
        }
    }
}

impl<T: Printable> Printable for Vec<T> {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (number, item) in self.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            item.print(f)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "-------------------------------------------";

    fn block<T: Printable>(records: &[T], n: usize) -> String {
        block_of(records, n, Time::from_millis(1_400_000_000_000))
    }

    #[test]
    fn the_block_is_the_one_spark_prints() {
        assert_eq!(RULE.len(), 43);
        let expected = format!("{RULE}\nTime: 1400000000000 ms\n{RULE}\n(a,1)\n(b,2)\n\n");
        assert_eq!(block(&[("a", 1), ("b", 2)], 10), expected);
    }

    #[test]
    fn dots_stand_for_more_records_than_asked_for() {
        assert!(block(&[1, 2, 3], 2).ends_with(&format!("{RULE}\n1\n2\n...\n\n")));
        assert!(block(&[1, 2], 2).ends_with(&format!("{RULE}\n1\n2\n\n")));
    }

    #[test]
    fn an_empty_batch_prints_an_empty_block() {
        assert!(block::<u8>(&[], 10).ends_with(&format!("ms\n{RULE}\n\n")));
    }

    #[test]
    fn nested_records_print_without_quotes_and_spaces() {
        assert!(block(&[(("a".to_owned(), Some(1)), vec![1, 2])], 1).contains("\n((a,Some(1)),[1, 2])\n"));
    }
}
