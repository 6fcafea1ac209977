//! `receiver_stream`: the records that a receiver stores, block by block.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::error::BoxError;
use crate::input::{Input as _, ReceiverInput};
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::receiver::Receiver;
use crate::storage_level::StorageLevel;
use crate::tracker::BlockInfo;

impl StreamingContext {
    /// A stream of what `receiver` stores. `name` is for people: it stands in events and errors.
    ///
    /// Each block of a batch is one partition. `handler` turns raw records into the stream's type when the batch is
    /// computed, in parallel on the task pool, once for each action on the batch; its error or panic fails the attempt.
    /// To leave a record out, let the handler return an `Option` and [`flat_map`](DStream::flat_map) it.
    ///
    /// A stream that is made after the context was started stops the context with
    /// [`StreamingError::ChangedAfterStart`](crate::StreamingError::ChangedAfterStart).
    ///
    /// ```
    /// use dstream_core::{BlockRecord, DStream, Receiver, StorageLevel, StreamingContext};
    ///
    /// struct Line(String);
    ///
    /// impl BlockRecord for Line {
    ///     fn size_bytes(&self) -> usize {
    ///         self.0.len()
    ///     }
    /// }
    ///
    /// fn lengths<R: Receiver<Record = Line>>(ctx: &StreamingContext, receiver: R) -> DStream<usize> {
    ///     ctx.receiver_stream("lines", StorageLevel::MemoryOnly, receiver, |line: &Line| Ok(line.0.len()))
    /// }
    /// ```
    pub fn receiver_stream<Rc, T, F>(&self, name: &str, level: StorageLevel, receiver: Rc, handler: F) -> DStream<T>
    where
        Rc: Receiver,
        T: Send + 'static,
        F: Fn(&Rc::Record) -> Result<T, BoxError> + Send + Sync + 'static,
    {
        let input = Arc::new(self.receiver_input(name, level, receiver));
        self.add_input(Arc::<ReceiverInput<Rc>>::clone(&input));
        let handler = Arc::new(handler);
        DStream::new(self, "receiver_stream", Lineage::source(self), |operator| {
            Box::new(move |job| {
                let batch = &job.batch;
                // A block may carry ranges only, no records; it makes no partition.
                let blocks =
                    batch.blocks_of(input.stream()).iter().filter(|block| block.records > 0).copied().collect();
                let (input, handler) = (Arc::clone(&input), Arc::clone(&handler));
                Ok(Arc::new(Blocks { operator, input, blocks, handler }))
            })
        })
    }
}

struct Blocks<Rc: Receiver, F> {
    operator: OperatorName,
    input: Arc<ReceiverInput<Rc>>,
    blocks: Vec<BlockInfo>,
    handler: Arc<F>,
}

impl<Rc, T, F> Dataset<T> for Blocks<Rc, F>
where
    Rc: Receiver,
    F: Fn(&Rc::Record) -> Result<T, BoxError> + Send + Sync,
{
    fn partitions(&self) -> usize {
        self.blocks.len()
    }

    fn prepare(&self, _job: &Job) -> Result<(), JobError> {
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let Some(id) = self.blocks.get(partition).map(|info| info.id) else { return Ok(()) };
        task.enter(self.operator);
        let block = self.input.block(id).map_err(|source| TaskError::BlockStore { block: id, source })?;
        let block = block.ok_or(TaskError::BlockGone(id))?;
        for (record, raw) in block.records().iter().enumerate() {
            task.check()?;
            task.enter(self.operator);
            let value = (self.handler)(raw).map_err(|source| TaskError::Handler { block: id, record, source })?;
            if let ControlFlow::Break(()) = sink(value) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, partition: usize) -> Option<String> {
        Some(self.input.describe(self.blocks.get(partition)?.id))
    }
}
