//! Streams made of several: all of one context, all with the same slide.

use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dstream::{Compute, DStream, Lineage, Node};
use crate::graph_error::GraphError;
use crate::operator::OperatorName;
use crate::rdd::Rdd;
use crate::stream_node::StreamNode;

/// A stream that another is made of, without its type.
pub(crate) struct Parent {
    context: StreamingContext,
    node: Arc<dyn StreamNode>,
}

impl<T: Send + 'static> DStream<T> {
    pub(crate) fn as_parent(&self) -> Parent {
        let node: Arc<dyn StreamNode> = Arc::<Node<T>>::clone(self.node());
        Parent { context: self.context().clone(), node }
    }

    /// A stream whose batches are made of those of this one and of `other`, at the same batch times.
    pub(crate) fn derive_with<U: Send + 'static, W: Send + 'static>(
        &self,
        other: &DStream<U>,
        kind: &'static str,
        make: impl Fn(&Rdd<T>, &Rdd<U>) -> Rdd<W> + Send + Sync + 'static,
    ) -> DStream<W> {
        let (left, right) = (Arc::clone(self.node()), Arc::clone(other.node()));
        let parents = vec![self.as_parent(), other.as_parent()];
        DStream::joining(self.context(), kind, parents, |name| {
            Box::new(move |job| {
                let left = Rdd::new(left.dataset(job)?, job.clone(), name);
                let right = left.with(right.dataset(job)?);
                Ok(make(&left, &right).into_dataset())
            })
        })
    }

    /// A stream made of `parents`. If they do not fit together, the start will say so.
    pub(crate) fn joining(
        context: &StreamingContext,
        kind: &'static str,
        parents: Vec<Parent>,
        compute: impl FnOnce(OperatorName) -> Compute<T>,
    ) -> Self {
        let operator = context.name_operator(kind);
        if let Some(defect) = misfit(context, operator, &parents) {
            context.graph().note_defect(defect);
        }
        let slide = parents.first().map_or(context.batch_interval(), |parent| parent.node.slide());
        let lineage = Lineage::of_all(parents.into_iter().map(|parent| parent.node).collect(), slide);
        Self::of_node(context, Node::new(operator, lineage, compute(operator)))
    }
}

fn misfit(context: &StreamingContext, operator: OperatorName, parents: &[Parent]) -> Option<GraphError> {
    let Some(first) = parents.first() else { return Some(GraphError::NoStreams) };
    if parents.iter().any(|parent| !parent.context.is_same(context)) {
        return Some(GraphError::DifferentContexts { operator });
    }
    let left = first.node.slide();
    let right = parents.iter().map(|parent| parent.node.slide()).find(|slide| *slide != left)?;
    Some(GraphError::DifferentSlides { operator, left, right })
}
