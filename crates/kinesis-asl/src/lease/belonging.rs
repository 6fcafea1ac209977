//! Whether the leases of a table are of the stream that is to be read: pure. Shards of all streams have the same names, so
//! leases of another stream would be taken for this one's, and its records would be skipped or read from a wrong place.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::lease::lease::Lease;
use crate::position::Checkpoint;
use crate::shard::{Shard, ShardId};
use crate::stream_identity::StreamIdentity;

/// Why the leases of a table cannot be used for a stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrongStream {
    /// The leases were made for another stream.
    #[error(
        "lease table '{table}' belongs to stream '{owner}', not to '{stream}': each stream needs a table of its own, so use another \
         application name (checkpoint_app_name)"
    )]
    Another {
        /// The table.
        table: String,
        /// The stream that it belongs to.
        owner: String,
        /// The stream that was to be read.
        stream: String,
    },
    /// The leases were made for a stream of the same name that does not exist any more.
    #[error(
        "stream '{stream}' was deleted and created anew (at {now} s since 1970, and not at {then} s) since lease table '{table}' was \
         made: to start over, delete the table or choose another application name (checkpoint_app_name)"
    )]
    CreatedAnew {
        /// The table.
        table: String,
        /// The stream.
        stream: String,
        /// When the stream of the leases was created, in seconds since 1970.
        then: i64,
        /// When the stream that exists was created.
        now: i64,
    },
    /// The leases are those of an application of several streams, and one stream was to be read.
    #[error(
        "lease table '{table}' belongs to an application of several streams, its keys are such as '{key}': call multi_stream() on \
         every input stream, or use another application name (checkpoint_app_name)"
    )]
    KeysOfSeveral {
        /// The table.
        table: String,
        /// A key that shows it.
        key: String,
    },
    /// The leases are those of an application of one stream, and several were to be read.
    #[error(
        "lease table '{table}' belongs to an application of one stream, its keys are such as '{key}': leave multi_stream() out, or use \
         another application name (checkpoint_app_name); positions cannot be carried over"
    )]
    KeysOfOne {
        /// The table.
        table: String,
        /// A key that shows it.
        key: String,
    },
    /// The leases say nothing about their stream, and cannot be of the one that exists.
    #[error(
        "lease table '{table}' cannot be of stream '{stream}' as it is now: {evidence}. The table belongs to another stream, or the \
         stream was deleted and created anew: delete the table or choose another application name (checkpoint_app_name)"
    )]
    Contradiction {
        /// The table.
        table: String,
        /// The stream that was to be read.
        stream: String,
        /// What does not fit.
        evidence: String,
    },
}

/// Checks that the leases of a table are those of an application of several streams. Which of them belong to which stream their keys
/// say.
///
/// # Errors
/// [`WrongStream::KeysOfOne`].
pub fn check_keys_of_several(table: &str, leases: &[Lease]) -> Result<(), WrongStream> {
    match leases.iter().find(|lease| lease.shard.scope().is_empty()) {
        Some(lease) => Err(WrongStream::KeysOfOne { table: table.to_owned(), key: lease.shard.to_string() }),
        None => Ok(()),
    }
}

/// Checks leases against the stream that exists: who it is, and every shard that it lists. `identity` is `None` where the
/// caller may not ask for it.
///
/// Leases that name their stream are believed. Of those that do not, which Java workers make, only what is impossible in
/// one and the same stream is held against them: a checkpoint outside of the sequence numbers of its shard, and an unfinished
/// lease of a shard that is younger than all that are listed although the shards that it came from are not listed either.
///
/// # Errors
/// [`WrongStream`] says what does not fit and what to do.
pub fn check_belonging(
    table: &str,
    stream: &str,
    identity: Option<&StreamIdentity>,
    leases: &[Lease],
    listed: &[Shard],
) -> Result<(), WrongStream> {
    let shards: BTreeMap<&ShardId, &Shard> = listed.iter().map(|shard| (&shard.id, shard)).collect();
    let (table, stream) = (table.to_owned(), stream.to_owned());
    for lease in leases {
        let is_named_differently = |shard: &Shard| shard.id.scope().is_empty() && !lease.shard.scope().is_empty();
        if listed.first().is_some_and(is_named_differently) {
            return Err(WrongStream::KeysOfSeveral { table, key: lease.shard.to_string() });
        }
        if let Some(owner) = &lease.stream {
            if *owner.name != *stream {
                return Err(WrongStream::Another { table, owner: owner.name.to_string(), stream });
            }
            if let Some(identity) = identity.filter(|identity| identity.created != owner.created) {
                return Err(WrongStream::CreatedAnew { table, stream, then: owner.created, now: identity.created });
            }
        } else if let Some(evidence) = contradiction(lease, &shards) {
            return Err(WrongStream::Contradiction { table, stream, evidence });
        }
    }
    Ok(())
}

fn contradiction(lease: &Lease, shards: &BTreeMap<&ShardId, &Shard>) -> Option<String> {
    let id = &lease.shard;
    if let Some(shard) = shards.get(id) {
        let Checkpoint::At(position) = lease.checkpoint else { return None };
        let first = shard.starting_sequence.filter(|first| position.sequence < *first);
        let last = shard.ending_sequence.filter(|last| position.sequence > *last);
        let outside = match (first, last) {
            (Some(first), _) => format!("before the shard's first sequence number {first}"),
            (None, Some(last)) => format!("behind the shard's last sequence number {last}"),
            (None, None) => return None,
        };
        return Some(format!("the checkpoint of shard '{id}', {}, lies {outside}", position.sequence));
    }
    // A listing may be a little older than a shard, but then it has the shards that this one came from.
    let youngest = shards.keys().next_back()?;
    let unheard_of = id > *youngest && !lease.parents.iter().any(|parent| shards.contains_key(parent));
    (unheard_of && !lease.is_ended())
        .then(|| format!("it has a lease for shard '{id}', and the stream has never had a shard above '{youngest}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Position;
    use crate::shard::ShardState;

    fn shard(id: &str, first: u64, last: Option<u64>) -> Shard {
        Shard {
            id: id.into(),
            parents: [].into(),
            hash_range: None,
            starting_sequence: first.to_string().parse().ok(),
            ending_sequence: last.and_then(|last| last.to_string().parse().ok()),
            state: if last.is_some() { ShardState::Closed } else { ShardState::Open },
        }
    }

    fn lease(id: &str, checkpoint: Checkpoint) -> Lease {
        Lease::new(id.into(), checkpoint)
    }

    fn at(number: u64) -> Checkpoint {
        Checkpoint::At(Position::new(number.to_string().parse().expect("digits"), 0))
    }

    fn check(identity: Option<&StreamIdentity>, lease: Lease) -> Result<(), String> {
        let listed = [shard("s3", 100, Some(199)), shard("s5", 200, None)];
        check_belonging("app", "words", identity, &[lease], &listed).map_err(|error| error.to_string())
    }

    #[test]
    fn a_lease_that_names_its_stream_is_believed() {
        let (now, then) = (StreamIdentity::new("words", 20), StreamIdentity::new("words", 10));
        let named = |stream: &StreamIdentity| Lease { stream: Some(stream.clone()), ..lease("s9", at(1)) };
        assert_eq!(check(Some(&now), named(&now)), Ok(()));
        assert_eq!(check(None, named(&then)), Ok(()), "who may not ask cannot tell");
        let anew = check(Some(&now), named(&then)).expect_err("refused");
        assert!(anew.starts_with("stream 'words' was deleted and created anew"), "{anew}");
        let other = StreamIdentity::new("sentences", 20);
        for identity in [None, Some(&now)] {
            let another = check(identity, named(&other)).expect_err("refused");
            assert!(
                another.starts_with("lease table 'app' belongs to stream 'sentences', not to 'words'"),
                "{another}"
            );
        }
    }

    #[test]
    fn a_table_of_several_streams_is_refused_for_one_and_a_table_of_one_for_several() {
        let several = lease("1:words:20:s3", at(150));
        let refused = check(None, several.clone()).expect_err("refused");
        assert!(refused.contains("several streams") && refused.contains("call multi_stream()"), "{refused}");
        assert_eq!(check_keys_of_several("app", std::slice::from_ref(&several)), Ok(()));
        let refused = check_keys_of_several("app", &[several, lease("s3", at(150))]).expect_err("refused").to_string();
        assert!(refused.contains("such as 's3': leave multi_stream() out"), "{refused}");
    }

    #[test]
    fn a_checkpoint_outside_of_its_shard_is_of_another_stream() {
        for (fits, lease) in [
            (true, lease("s3", at(100))),
            (true, lease("s3", at(199))),
            (false, lease("s3", at(99))),
            (false, lease("s3", at(200))),
            (true, lease("s5", at(u64::MAX))),
            (false, lease("s5", at(199))),
            (true, lease("s5", Checkpoint::Latest)),
            (true, lease("s3", Checkpoint::ShardEnd)),
        ] {
            assert_eq!(check(None, lease.clone()).is_ok(), fits, "{lease:?}");
        }
    }

    #[test]
    fn an_unfinished_lease_above_all_shards_is_of_another_stream_unless_the_listing_is_only_late() {
        assert!(check(None, lease("s9", Checkpoint::TrimHorizon)).is_err());
        assert!(check(None, lease("s9", Checkpoint::ShardEnd)).is_ok());
        assert!(check(None, lease("s4", Checkpoint::TrimHorizon)).is_ok(), "it has expired");
        let late = Lease { parents: ["s5".into()].into(), ..lease("s9", Checkpoint::TrimHorizon) };
        assert!(check(None, late).is_ok());
        let nothing = check_belonging("app", "words", None, &[lease("s9", at(1))], &[]);
        assert_eq!(nothing, Ok(()), "a stream that lists nothing proves nothing");
    }
}
