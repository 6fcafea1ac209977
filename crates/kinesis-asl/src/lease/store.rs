//! The seam to the lease table, and the suite that each version of it must pass.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::lease::lease::{Lease, LeaseChange};
use crate::shard::ShardId;

/// A lease table. Every change of an existing lease is conditional; every error says whether it may have happened
/// ([`kinesis_endpoint::ServiceErrorKind::may_have_happened`]).
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// Makes sure that the table exists and can be used; creates it if it is missing.
    ///
    /// # Errors
    /// When the table cannot be created or does not become active.
    async fn prepare(&self) -> Result<(), ServiceError>;

    /// Every lease of the table, and the keys of the rows that are no readable lease.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn list(&self) -> Result<Listing, ServiceError>;

    /// One lease as it is now, read consistently.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError>;

    /// Adds a lease unless the shard has one; an existing lease stays untouched.
    ///
    /// # Errors
    /// When the table cannot be written.
    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError>;

    /// Changes a lease if its condition holds. A lease that was deleted is never recreated.
    ///
    /// # Errors
    /// When the table cannot be written; the change may have happened.
    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError>;

    /// Deletes a lease that nobody has written to since it was seen: counter and checkpoint are the same.
    ///
    /// # Errors
    /// When the table cannot be written; the deletion may have happened.
    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError>;
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The leases, in no particular order.
    pub leases: Vec<Lease>,
    /// Keys of rows that cannot be read as a lease, with the reason.
    pub unreadable: Vec<(String, String)>,
}

impl Listing {
    /// What it says of the streams whose [`StreamKey`](crate::StreamKey) texts are chosen; the text is empty for leases of an
    /// application of one stream.
    #[must_use]
    pub fn of(mut self, is_chosen: impl Fn(&str) -> bool) -> Self {
        self.leases.retain(|lease| is_chosen(lease.shard.scope()));
        self.unreadable.retain(|(key, _)| is_chosen(ShardId::from(key.as_str()).scope()));
        self
    }

    /// The shards whose rows cannot be read.
    #[must_use]
    pub fn unreadable_shards(&self) -> BTreeSet<ShardId> {
        self.unreadable.iter().map(|(key, _)| key.as_str().into()).collect()
    }
}

/// Whether a lease was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was.
    New,
    /// The shard had one already.
    Exists,
}

/// Whether a conditional write had its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// It had; the lease as it is now, so that an owner learns with each renewal what others wrote on its lease. `None` where
    /// nothing had to be written, or where the row cannot be read as a lease.
    Committed(Option<Box<Lease>>),
    /// The condition did not hold, or the lease does not exist.
    Mismatch,
}

/// What every version of the table must do. A test calls it with an empty, prepared table.
#[cfg(any(test, feature = "test-util"))]
#[expect(clippy::expect_used, clippy::panic, reason = "a suite of tests: a table that cannot be used fails it")]
pub mod conformance {
    use std::collections::BTreeSet;

    use kpl_deagg::HashKeyRange;

    use super::{Created, LeaseStore, Updated};
    use crate::lease::lease::{Claim, Lease, LeaseChange, LeaseCounter};
    use crate::position::{Checkpoint, Timestamp};
    use crate::sequence::Position;

    fn sample() -> Lease {
        let mut lease = Lease::new("shardId-000000000007".into(), Checkpoint::Latest);
        lease.start_at = Some(Timestamp::from_millis(1_700_000_000_123));
        lease.parents = BTreeSet::from(["shardId-000000000001".into(), "shardId-000000000002".into()]);
        lease.hash_range = HashKeyRange::parse("0", "170141183460469231731687303715884105727").ok();
        lease
    }

    fn claim(counter: u64, worker: &str) -> Claim {
        Claim { shard: sample().shard, counter: LeaseCounter(counter), worker: worker.into() }
    }

    /// Whether the change was made; the lease that comes back is then the one that is stored.
    async fn changes(store: &dyn LeaseStore, change: LeaseChange) -> bool {
        match store.update(&change).await.expect("the table can be written") {
            Updated::Committed(Some(lease)) => {
                let stored = store.get(change.shard()).await.expect("the table can be read");
                assert_eq!(stored.as_ref(), Some(&*lease), "{change:?}");
                true
            }
            Updated::Committed(None) => panic!("{change:?} did not bring back the lease"),
            Updated::Mismatch => false,
        }
    }

    async fn read(store: &dyn LeaseStore) -> Lease {
        store.get(&sample().shard).await.expect("the table can be read").expect("the lease is there")
    }

    /// Runs the whole suite.
    pub async fn run(store: &dyn LeaseStore) {
        creates_once_and_reads_back_every_field(store).await;
        walks_through_a_life(store).await;
        asks_are_answered_by_the_owner_alone(store).await;
        never_recreates_what_is_not_there(store).await;
        crate::lease::store_cases::run(store).await;
    }

    async fn creates_once_and_reads_back_every_field(store: &dyn LeaseStore) {
        assert_eq!(store.create(&sample()).await.expect("created"), Created::New);
        let mut other = sample();
        other.checkpoint = Checkpoint::TrimHorizon;
        assert_eq!(store.create(&other).await.expect("refused"), Created::Exists);
        assert_eq!(read(store).await, sample());
        let listing = store.list().await.expect("listed");
        assert_eq!((listing.leases, listing.unreadable), (vec![sample()], vec![]));
    }

    async fn walks_through_a_life(store: &dyn LeaseStore) {
        let take = LeaseChange::Take { claim: claim(0, "a"), from: None, start_at: None };
        assert!(changes(store, take.clone()).await);
        assert!(!changes(store, take).await, "the counter has moved");
        assert!(changes(store, LeaseChange::Renew(claim(1, "a"))).await);
        let steal = LeaseChange::Take { claim: claim(2, "b"), from: Some("a".into()), start_at: None };
        assert!(changes(store, steal).await);
        assert_eq!(read(store).await.owner_switches, 1);
        assert!(!changes(store, LeaseChange::Renew(claim(2, "a"))).await, "it was stolen");
        let at = Checkpoint::At(Position::new(
            "49590338271490256608559692538361571095921575989136588898".parse().expect("digits"),
            3,
        ));
        assert!(changes(store, LeaseChange::Checkpoint { claim: claim(3, "b"), to: at }).await);
        let children = BTreeSet::from(["shardId-000000000009".into()]);
        let note = LeaseChange::Children { shard: sample().shard, children: children.clone() };
        assert!(changes(store, note).await);
        prepares_and_clears(store).await;
        let end = LeaseChange::Checkpoint { claim: claim(6, "b"), to: Checkpoint::ShardEnd };
        assert!(changes(store, end).await);
        let back = LeaseChange::Checkpoint { claim: claim(7, "b"), to: at };
        assert!(!changes(store, back).await, "an ended shard stays ended");
        assert!(!changes(store, LeaseChange::Release(claim(7, "a"))).await, "not the owner");
        assert!(changes(store, LeaseChange::Release(claim(7, "b"))).await);
        let mut expected = sample();
        expected.counter = LeaseCounter(8);
        expected.checkpoint = Checkpoint::ShardEnd;
        expected.children = children;
        assert_eq!(read(store).await, expected);
    }

    /// At the counter 4, held by `b`.
    async fn prepares_and_clears(store: &dyn LeaseStore) {
        let to = Checkpoint::At(Position::new(
            "49590338271490256608559692538361571095921575989136588899".parse().expect("digits"),
            4,
        ));
        let before = read(store).await;
        let prepare = LeaseChange::Prepare { claim: claim(4, "b"), to, snapshot: "/dir/checkpoint-1".to_owned() };
        assert!(changes(store, prepare.clone()).await);
        assert!(!changes(store, prepare.clone()).await, "the counter has moved");
        assert_eq!(read(store).await, prepare.applied(&before));
        let commit = LeaseChange::Checkpoint { claim: claim(5, "b"), to };
        assert!(changes(store, commit.clone()).await);
        let after = read(store).await;
        assert_eq!((after.checkpoint, after.prepared), (to, None), "the second phase clears the first");
    }

    async fn asks_are_answered_by_the_owner_alone(store: &dyn LeaseStore) {
        let mut lease = Lease::new("asked".into(), Checkpoint::TrimHorizon);
        assert_eq!(store.create(&lease).await.expect("created"), Created::New);
        let of = |counter, worker: &str| Claim {
            shard: "asked".into(),
            counter: LeaseCounter(counter),
            worker: worker.into(),
        };
        let ask =
            |owner: &str, by: &str| LeaseChange::Ask { shard: "asked".into(), owner: owner.into(), by: by.into() };
        assert!(!changes(store, ask("a", "b")).await, "nobody holds it");
        assert!(changes(store, LeaseChange::Take { claim: of(0, "a"), from: None, start_at: None }).await);
        assert!(!changes(store, ask("c", "b")).await, "another one holds it");
        assert!(changes(store, ask("a", "b")).await);
        assert!(changes(store, ask("a", "b")).await, "the same ask again");
        assert!(!changes(store, ask("a", "d")).await, "it is promised");
        assert!(changes(store, LeaseChange::Renew(of(1, "a"))).await, "an ask leaves the counter alone");
        assert!(!changes(store, LeaseChange::Retract { shard: "asked".into(), by: "d".into() }).await);
        assert!(changes(store, LeaseChange::Retract { shard: "asked".into(), by: "b".into() }).await);
        let give = |counter, worker: &str| LeaseChange::HandOver { claim: of(counter, worker), to: "d".into() };
        assert!(!changes(store, give(2, "a")).await, "nobody asks any more");
        assert!(changes(store, ask("a", "d")).await);
        let call = |owner: &str| LeaseChange::Call { shard: "asked".into(), owner: owner.into(), by: "e".into() };
        assert!(!changes(store, call("b")).await, "not the owner");
        assert!(changes(store, call("a")).await);
        assert!(!changes(store, give(1, "a")).await, "the counter has moved");
        assert!(!changes(store, give(2, "b")).await, "not the owner");
        assert!(changes(store, give(2, "a")).await);
        (lease.owner, lease.our_owner) = (Some("d".into()), Some("d".into()));
        (lease.counter, lease.owner_switches) = (LeaseCounter(3), 1);
        assert_eq!(store.get(&"asked".into()).await.expect("read"), Some(lease));
    }

    async fn never_recreates_what_is_not_there(store: &dyn LeaseStore) {
        let absent = Claim { shard: "absent".into(), counter: LeaseCounter(0), worker: "a".into() };
        for change in [
            LeaseChange::Renew(absent.clone()),
            LeaseChange::Take { claim: absent.clone(), from: None, start_at: None },
            LeaseChange::Checkpoint { claim: absent.clone(), to: Checkpoint::ShardEnd },
            LeaseChange::Prepare { claim: absent.clone(), to: Checkpoint::Latest, snapshot: "x".to_owned() },
            LeaseChange::Release(absent.clone()),
            LeaseChange::HandOver { claim: absent, to: "b".into() },
            LeaseChange::Ask { shard: "absent".into(), owner: "a".into(), by: "b".into() },
            LeaseChange::Retract { shard: "absent".into(), by: "b".into() },
            LeaseChange::Call { shard: "absent".into(), owner: "a".into(), by: "b".into() },
            LeaseChange::Children { shard: "absent".into(), children: BTreeSet::from(["x".into()]) },
        ] {
            assert!(!changes(store, change).await);
        }
        assert_eq!(store.get(&"absent".into()).await.expect("read"), None);
    }
}
