//! What becomes of records on which the program fails, and where those go that are set aside.
//!
//! | file | what it is |
//! |---|---|
//! | [`policy`](OnFailedRecord) | stop, set aside, or skip |
//! | [`letter`](Letter) | a record on which the program failed, and its JSON |
//! | `agreement` | which policies of an application's input streams go together |
//! | [`file`](DeadLetterFile) | a file of letters, one a line |
//! | [`stream`](DeadLetterStream) | a Kinesis stream of letters |

mod agreement;
mod file;
mod letter;
mod policy;
mod stream;

pub(crate) use agreement::Policies;
pub use file::DeadLetterFile;
pub use letter::{DeadLetters, Letter};
pub(crate) use policy::core_policy;
pub use policy::{DeadLetterTarget, OnFailedRecord};
pub use stream::DeadLetterStream;
