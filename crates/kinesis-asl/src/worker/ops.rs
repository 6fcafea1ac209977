//! The calls that a worker has under way. Each ends as a value; none changes the worker's state by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kinesis_endpoint::ServiceError;
use tokio::sync::Semaphore;

use crate::api::{KinesisApi, ShardFilter};
use crate::checkpoint::published::{Published, SnapshotLookup};
use crate::error::KinesisError;
use crate::lease::cleanup::LeaseCleanup;
use crate::lease::command::Ticket;
use crate::lease::commit::{Commit, commit};
use crate::lease::lease::LeaseChange;
use crate::lease::shard_sync::{child_leases, is_ready_for_a_lease};
use crate::lease::store::{LeaseStore, Listing};
use crate::position::Timestamp;
use crate::range::Holding;
use crate::shard::{ChildShard, ShardId, children_of};
use crate::stream_identity::StreamIdentity;
use crate::worker::cleanup::{Rows, clean_up};
use crate::worker::stream_opening::StreamOpening;
use crate::worker::streams::{Stream, StreamSpec};
use crate::worker::sync::{SyncRules, create, create_missing, note_hash_ranges};

/// A call that ended.
pub(crate) enum Done {
    Listed(Result<Listing, ServiceError>),
    Written(Ticket, Box<Commit>),
    ChildrenMade {
        shard: ShardId,
        holding: Holding,
        children: Vec<ChildShard>,
        result: Result<(), ServiceError>,
    },
    /// Of the stream with this scope.
    Synced(Arc<str>, Result<usize, ServiceError>),
    RangesNoted(Arc<str>, Result<usize, ServiceError>),
    CleanedUp(Arc<str>, Result<usize, ServiceError>),
    StreamOpened(Box<Result<Stream, KinesisError>>),
    LookedUp {
        name: String,
        published: Published,
    },
}

/// Writes that are sent at once; others wait their turn. A worker with thousands of leases would otherwise open as many
/// connections; at 10 ms a write, this many renew 10 000 leases in under 2 s.
const WRITES_AT_ONCE: usize = 64;

/// Calls under way. Bounded by construction: one listing, one write for each held or wanted lease, one look for each snapshot that
/// leases name; for each stream one synchronisation, one cleanup, one look whether it exists.
pub(crate) struct Ops {
    store: Arc<dyn LeaseStore>,
    turns: Arc<Semaphore>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Ops {
    pub(crate) fn new(store: Arc<dyn LeaseStore>) -> Self {
        let turns = Arc::new(Semaphore::new(WRITES_AT_ONCE));
        Self { store, turns, running: FuturesUnordered::new() }
    }

    /// The next call that ends; never, while none is under way.
    pub(crate) async fn next(&mut self) -> Done {
        match self.running.next().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn list(&self) {
        let store = Arc::clone(&self.store);
        self.running.push(Box::pin(async move { Done::Listed(store.list().await) }));
    }

    pub(crate) fn write(&self, ticket: Ticket) {
        let (store, turns) = (Arc::clone(&self.store), Arc::clone(&self.turns));
        self.running.push(Box::pin(async move {
            // The semaphore is never closed; the age of a lease counts from before the wait.
            let _turn = turns.acquire().await;
            let outcome = commit(&*store, &ticket.change).await;
            Done::Written(ticket, Box::new(outcome))
        }));
    }

    /// Creates the leases of the shards that follow an ended one, and notes them at its own lease, after a pause.
    pub(crate) fn make_children(
        &self,
        stream: &Arc<Stream>,
        shard: ShardId,
        holding: Holding,
        children: Vec<ChildShard>,
        pause: Duration,
    ) {
        let stream = Arc::clone(stream);
        self.running.push(Box::pin(async move {
            tokio::time::sleep(pause).await;
            let (api, store, owner) = (&*stream.api, &*stream.store, stream.identity.as_ref());
            let result = make_children(api, store, &shard, &children, owner).await;
            Done::ChildrenMade { shard, holding, children, result }
        }));
    }

    /// Fills a hole in the leases of a stream.
    pub(crate) fn sync(&self, stream: &Arc<Stream>, now: Timestamp) {
        let stream = Arc::clone(stream);
        let rules = SyncRules { position: stream.spec.position, now, stream: stream.identity.clone() };
        self.running.push(Box::pin(async move {
            let result = create_missing(&*stream.api, &*stream.store, &rules).await;
            Done::Synced(Arc::clone(&stream.scope), result)
        }));
    }

    /// Notes the hash ranges that leases of a stream lack.
    pub(crate) fn note_ranges(&self, stream: &Arc<Stream>) {
        let stream = Arc::clone(stream);
        self.running.push(Box::pin(async move {
            let result = note_hash_ranges(&*stream.api, &*stream.store).await;
            Done::RangesNoted(Arc::clone(&stream.scope), result)
        }));
    }

    /// Finds out whether a snapshot was published, for the leases that name it.
    pub(crate) fn look_up(&self, name: String, lookup: SnapshotLookup) {
        self.running.push(Box::pin(async move {
            let published = lookup.look(&name).await;
            Done::LookedUp { name, published }
        }));
    }

    /// Deletes leases of a stream that are needed no more.
    pub(crate) fn clean_up(&self, stream: &Arc<Stream>, rows: Rows, rule: LeaseCleanup) {
        let stream = Arc::clone(stream);
        self.running.push(Box::pin(async move {
            let result = clean_up(&*stream.api, &*stream.store, &rows, rule).await;
            Done::CleanedUp(Arc::clone(&stream.scope), result)
        }));
    }

    /// Opens a stream that did not exist.
    pub(crate) fn open_stream(&self, opening: &Arc<StreamOpening>, spec: StreamSpec) {
        let opening = Arc::clone(opening);
        self.running.push(Box::pin(async move { Done::StreamOpened(Box::new(opening.one(&spec).await)) }));
    }
}

async fn make_children(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    shard: &ShardId,
    children: &[ChildShard],
    stream: Option<&StreamIdentity>,
) -> Result<(), ServiceError> {
    let found;
    let children = if children.is_empty() {
        found = find_children(api, shard).await?;
        &found[..]
    } else {
        children
    };
    let ready = ready_children(api, store, shard, children).await?;
    create(store, &child_leases(&ready), stream).await?;
    let children = children.iter().map(|child| child.id.clone()).collect();
    store.update(&LeaseChange::Children { shard: shard.clone(), children }).await.map(|_| ())
}

/// The children of a shard whose last page named none. A shard that the stream still lists has ended only if some shard
/// follows it: to end its lease before that is known would leave those that follow without a reader.
async fn find_children(api: &dyn KinesisApi, shard: &ShardId) -> Result<Vec<ChildShard>, ServiceError> {
    let listed = api.list_shards(ShardFilter::All).await?;
    let children = children_of(shard, &listed);
    if children.is_empty() && listed.iter().any(|known| known.id == *shard) {
        let why = "the shard has ended and no shard follows it yet";
        return Err(ServiceError::invalid_response("ListShards", format!("shard '{shard}'"), why));
    }
    Ok(children)
}

/// The children that get their leases now. One of two parents of which the other has no lease yet gets its own when that
/// other one ends.
async fn ready_children(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    shard: &ShardId,
    children: &[ChildShard],
) -> Result<Vec<ChildShard>, ServiceError> {
    if children.iter().all(|child| child.parents.iter().all(|parent| parent == shard)) {
        return Ok(children.to_vec());
    }
    // The shards before the leases: a lease that is made in between is seen.
    let shards = api.list_shards(ShardFilter::All).await?;
    let leases = store.list().await?.leases;
    Ok(children.iter().filter(|child| is_ready_for_a_lease(child, &shards, &leases)).cloned().collect())
}

#[cfg(test)]
mod tests;
