//! The calls that a worker has under way. Each ends as a value; none changes the worker's state by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kinesis_endpoint::ServiceError;

use crate::api::{KinesisApi, ShardFilter};
use crate::lease::commit::{Commit, commit};
use crate::lease::core::Ticket;
use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::shard_sync::{child_leases, is_ready_for_a_lease};
use crate::lease::store::{LeaseStore, Listing};
use crate::position::{InitialPosition, Timestamp};
use crate::range::Holding;
use crate::shard::{ChildShard, Shard, ShardId};
use crate::worker::bootstrap::{create, create_missing};

/// A call that ended.
pub(crate) enum Done {
    Listed(Result<Listing, ServiceError>),
    Written(Ticket, Commit),
    ChildrenMade { shard: ShardId, holding: Holding, children: Vec<ChildShard>, result: Result<(), ServiceError> },
    Synced(Result<usize, ServiceError>),
}

/// Calls under way. Bounded by construction: one listing, one synchronisation, one write for each held or wanted lease.
pub(crate) struct Ops {
    api: Arc<dyn KinesisApi>,
    store: Arc<dyn LeaseStore>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Ops {
    pub(crate) fn new(api: Arc<dyn KinesisApi>, store: Arc<dyn LeaseStore>) -> Self {
        Self { api, store, running: FuturesUnordered::new() }
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
        let store = Arc::clone(&self.store);
        self.running.push(Box::pin(async move {
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
    pub(crate) fn sync(&self, leases: Vec<Lease>, position: InitialPosition, now: Timestamp) {
        let (api, store) = (self.api(), Arc::clone(&self.store));
        self.running
            .push(Box::pin(async move { Done::Synced(create_missing(&*api, &*store, position, now, &leases).await) }));
    }
}

async fn make_children(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    shard: &ShardId,
    children: &[ChildShard],
) -> Result<(), ServiceError> {
    let listed;
    let children = if children.is_empty() {
        // Not every endpoint names the children with the last page.
        listed = children_of(shard, &api.list_shards(ShardFilter::All).await?);
        &listed[..]
    } else {
        children
    };
    let ready = ready_children(api, store, shard, children).await?;
    create(store, &child_leases(&ready)).await?;
    let children = children.iter().map(|child| child.id.clone()).collect();
    store.update(&LeaseChange::Children { shard: shard.clone(), children }).await.map(|_| ())
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

fn children_of(parent: &ShardId, shards: &[Shard]) -> Vec<ChildShard> {
    let child = |shard: &Shard| ChildShard {
        id: shard.id.clone(),
        parents: shard.parents.clone(),
        hash_range: shard.hash_range,
    };
    shards.iter().filter(|shard| shard.parents.contains(parent)).map(child).collect()
}
