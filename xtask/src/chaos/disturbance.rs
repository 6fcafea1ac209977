//! What a step lets go wrong on the ways to the endpoints, and what an outsider does to a lease: values with names.

use std::fmt;
use std::str::FromStr;

/// What goes wrong with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Refused as too many; of a PutRecords, some records.
    Throttle,
    /// Refused with 500 and 503.
    Errors,
    /// Late, and answered late.
    Delays,
    /// Not done, and the connection is cut.
    Cut,
    /// Done, and the connection is cut instead of an answer.
    Lost,
}

/// Whose calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Both,
    Kinesis,
    DynamoDb,
}

/// Calls that go wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) at: Place,
}

/// How an outsider that has taken a lease lets it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetsGo {
    /// It gives it back, as a worker does that is stopped.
    Release,
    /// It dies: it never renews.
    Crash,
}

impl FaultKind {
    pub(crate) const ALL: [Self; 5] = [Self::Throttle, Self::Errors, Self::Delays, Self::Cut, Self::Lost];

    const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Errors => "errors",
            Self::Delays => "delays",
            Self::Cut => "cut",
            Self::Lost => "lost",
        }
    }
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::Both, Self::Kinesis, Self::DynamoDb];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::Kinesis => "@kinesis",
            Self::DynamoDb => "@dynamodb",
        }
    }
}

impl LetsGo {
    pub(crate) const ALL: [Self; 2] = [Self::Release, Self::Crash];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.name(), self.at.suffix())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "'{text}' is no fault: write throttle, errors, delays, cut or lost, and behind it @kinesis or @dynamodb if \
                 only one of them is meant"
            )
        };
        let named = |at: Place| text.strip_suffix(at.suffix()).and_then(kind).map(|kind| Self { kind, at });
        [Place::Kinesis, Place::DynamoDb, Place::Both].into_iter().find_map(named).ok_or_else(unknown)
    }
}

fn kind(name: &str) -> Option<FaultKind> {
    FaultKind::ALL.into_iter().find(|kind| kind.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for kind in FaultKind::ALL {
            for at in Place::ALL {
                let fault = Fault { kind, at };
                assert_eq!(fault.to_string().parse(), Ok(fault));
            }
        }
        for wrong in ["", "explode", "cut@", "cut@s3", "@kinesis"] {
            assert!(wrong.parse::<Fault>().expect_err("no fault").contains("write throttle"), "{wrong}");
        }
    }
}
