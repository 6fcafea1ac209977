//! The calls that a worker has under way. Each ends as a value; none changes the worker's state by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kinesis_endpoint::ServiceError;
use tokio::sync::Semaphore;

use crate::api::{KinesisApi, ShardFilter};
use crate::lease::command::Ticket;
use crate::lease::commit::{Commit, commit};
use crate::lease::lease::LeaseChange;
use crate::lease::shard_sync::{child_leases, is_ready_for_a_lease};
use crate::lease::store::{LeaseStore, Listing};
use crate::position::{InitialPosition, Timestamp};
use crate::range::Holding;
use crate::shard::{ChildShard, ShardId, children_of};
use crate::worker::bootstrap::{create, create_missing};

/// A call that ended.
pub(crate) enum Done {
    Listed(Result<Listing, ServiceError>),
    Written(Ticket, Commit),
    ChildrenMade { shard: ShardId, holding: Holding, children: Vec<ChildShard>, result: Result<(), ServiceError> },
    Synced(Result<usize, ServiceError>),
}

/// Writes that are sent at once; others wait their turn. A worker with thousands of leases would otherwise open as many
/// connections; at 10 ms a write, this many renew 10 000 leases in under 2 s.
const WRITES_AT_ONCE: usize = 64;

/// Calls under way. Bounded by construction: one listing, one synchronisation, one write for each held or wanted lease.
pub(crate) struct Ops {
    api: Arc<dyn KinesisApi>,
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
    pub(crate) fn new(api: Arc<dyn KinesisApi>, store: Arc<dyn LeaseStore>) -> Self {
        Self { api, store, turns: Arc::new(Semaphore::new(WRITES_AT_ONCE)), running: FuturesUnordered::new() }
    }

    pub(crate) fn api(&self) -> Arc<dyn KinesisApi> {
        Arc::clone(&self.api)
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
            Done::Written(ticket, outcome)
        }));
    }

    /// Creates the leases of the shards that follow an ended one, and notes them at its own lease, after a pause.
    pub(crate) fn make_children(&self, shard: ShardId, holding: Holding, children: Vec<ChildShard>, pause: Duration) {
        let (api, store) = (self.api(), Arc::clone(&self.store));
        self.running.push(Box::pin(async move {
            tokio::time::sleep(pause).await;
            let result = make_children(&*api, &*store, &shard, &children).await;
            Done::ChildrenMade { shard, holding, children, result }
        }));
    }

    /// Fills a hole in the leases.
    pub(crate) fn sync(&self, leased: BTreeSet<ShardId>, position: InitialPosition, now: Timestamp) {
        let (api, store) = (self.api(), Arc::clone(&self.store));
        self.running
            .push(Box::pin(async move { Done::Synced(create_missing(&*api, &*store, position, now, &leased).await) }));
    }
}

async fn make_children(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    shard: &ShardId,
    children: &[ChildShard],
) -> Result<(), ServiceError> {
    let found;
    let children = if children.is_empty() {
        found = find_children(api, shard).await?;
        &found[..]
    } else {
        children
    };
    let ready = ready_children(api, store, shard, children).await?;
    create(store, &child_leases(&ready)).await?;
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
