//! Where the program's own work runs: `local[n]`, a pool of `n` threads in this process.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread::available_parallelism;

use thiserror::Error;

/// The size of the task pool. Receivers take no thread of it, so `local[1]` works.
///
/// ```
/// use dstream_core::Master;
/// let master: Master = "local[2]".parse()?;
/// assert_eq!(master.threads().get(), 2);
/// assert!("local[0]".parse::<Master>().is_err());
/// # Ok::<(), dstream_core::ParseMasterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    threads: NonZeroUsize,
}

impl Master {
    /// A pool of `threads` threads.
    pub const fn local(threads: NonZeroUsize) -> Self {
        Self { threads }
    }

    /// A pool of one thread for each core that the process may use; `local[*]`. The default.
    pub fn all_cores() -> Self {
        Self { threads: available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }

    /// The number of threads.
    pub const fn threads(self) -> NonZeroUsize {
        self.threads
    }
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "local[{}]", self.threads)
    }
}

impl FromStr for Master {
    type Err = ParseMasterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseMasterError { text: text.to_owned() };
        if text == "local" {
            return Ok(Self::local(NonZeroUsize::MIN));
        }
        let inner = text.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']')).ok_or_else(refuse)?;
        if inner == "*" {
            return Ok(Self::all_cores());
        }
        let threads: NonZeroUsize = inner.parse().map_err(|_| refuse())?;
        if threads.get() > MAX_THREADS { Err(refuse()) } else { Ok(Self::local(threads)) }
    }
}

impl TryFrom<&str> for Master {
    type Error = ParseMasterError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for Master {
    type Error = ParseMasterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A master that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("master {text:?} cannot be used: give \"local[n]\" with n from 1 to {MAX_THREADS}, \"local[*]\" or \"local\"")]
pub struct ParseMasterError {
    text: String,
}

impl From<Infallible> for ParseMasterError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// More threads than this are a typing error, not a machine.
const MAX_THREADS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_spark_are_understood() {
        assert_eq!("local".parse::<Master>().unwrap().threads().get(), 1);
        assert_eq!("local[3]".parse::<Master>().unwrap().threads().get(), 3);
        assert_eq!("local[*]".parse::<Master>().unwrap(), Master::all_cores());
    }

    #[test]
    fn a_pool_without_threads_or_of_another_kind_is_refused_by_value() {
        for text in ["local[0]", "local[]", "local[-1]", "local[2", "yarn", "", "local[99999]"] {
            let error = text.parse::<Master>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
