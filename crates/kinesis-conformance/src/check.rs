//! One documented behaviour, and the list of all.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::areas;
use crate::mismatch::Mismatch;
use crate::stage::Stage;

/// How a check ends.
pub type Verdict = Result<(), Mismatch>;

/// One documented behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Unique; also the name of its test.
    pub id: &'static str,
    /// The part of the service it is about.
    pub area: &'static str,
    /// The behaviour: a sentence that can be false.
    pub what: &'static str,
    /// How long it may take before it counts as differing. Default 150 s.
    pub limit: Duration,
    /// Finds out. Streams and tables made through the stage are deleted afterwards, whatever the outcome.
    pub run: for<'a> fn(&'a Stage) -> BoxFuture<'a, Verdict>,
}

/// All checks, area by area.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    areas::ALL.iter().flat_map(|area| area.iter())
}

/// Lists the checks of a file: each an async function of the same name; and makes a test of each.
macro_rules! list_checks {
    ($area:literal, $($id:ident: $what:literal,)+) => {
        $crate::check::list_checks!($area, within 150 seconds, $($id: $what,)+);
    };
    ($area:literal, within $seconds:literal seconds, $($id:ident: $what:literal,)+) => {
        pub(super) const CHECKS: &[$crate::Check] = &[$($crate::Check {
            id: stringify!($id),
            area: $area,
            what: $what,
            limit: std::time::Duration::from_secs($seconds),
            run: |stage| Box::pin($id(stage)),
        }),+];

        #[cfg(test)]
        mod tests {
            $(#[tokio::test] async fn $id() {
                $crate::own_endpoints::assert_passes($area, stringify!($id)).await;
            })+
        }
    };
}

pub(crate) use list_checks;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_at_least_ninety_checks_and_no_two_have_one_id() {
        let ids: BTreeSet<_> = checks().map(|check| check.id).collect();
        assert_eq!(ids.len(), checks().count());
        assert!(checks().filter(|check| check.area != "dynamodb").count() >= 90);
    }

    #[test]
    fn every_check_says_what_it_is_about_in_a_sentence() {
        for check in checks() {
            assert!(
                check.what.len() > 20 && check.what.starts_with(char::is_uppercase),
                "{}: {}",
                check.id,
                check.what
            );
        }
    }
}
