//! `receiver_stream`: the records that a receiver stores, block by block.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::block::{BlockId, BlockRecord as _};
use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::error::BoxError;
use crate::failed_records::ReceiverOptions;
use crate::held_blocks::Content;
use crate::input::{Input as _, ReceiverInput};
use crate::job::{Job, JobError};
use crate::left_out::{LeftOut, RecordId};
use crate::operator::OperatorName;
use crate::receiver::Receiver;
use crate::spill::BlockFrames;
use crate::tracker::BlockInfo;

impl StreamingContext {
    /// A stream of what `receiver` stores. `name` is for people: it stands in events and errors.
    ///
    /// Each block of a batch is one partition. `handler` turns raw records into the stream's type when the batch is
    /// computed, in parallel on the task pool, once for each action on the batch; its error or panic fails the attempt.
    /// To leave a record out, let the handler return an `Option` and [`flat_map`](DStream::flat_map) it. What becomes of a record
    /// that fails again and again is a matter of `options`; a [`StorageLevel`](crate::StorageLevel) alone stops the context then.
    ///
    /// A stream that is made after the context was started stops the context with
    /// [`StreamingError::ChangedAfterStart`](crate::StreamingError::ChangedAfterStart).
    ///
    /// ```
    /// use dstream_core::{DStream, Receiver, StorageLevel, StreamingContext};
    ///
    /// fn lengths<R: Receiver<Record = String>>(ctx: &StreamingContext, receiver: R) -> DStream<usize> {
    ///     ctx.receiver_stream("lines", StorageLevel::MemoryAndDisk, receiver, |line: &String| Ok(line.len()))
    /// }
    /// ```
    pub fn receiver_stream<Rc, T, F>(
        &self,
        name: &str,
        options: impl Into<ReceiverOptions<Rc::Record>>,
        receiver: Rc,
        handler: F,
    ) -> DStream<T>
    where
        Rc: Receiver,
        T: Send + 'static,
        F: Fn(&Rc::Record) -> Result<T, BoxError> + Send + Sync + 'static,
    {
        let input = Arc::new(self.receiver_input(name, options.into(), receiver));
        self.add_input(Arc::<ReceiverInput<Rc>>::clone(&input));
        let handler = Arc::new(handler);
        DStream::new(self, "receiver_stream", Lineage::source(self), |operator| {
            Box::new(move |job| {
                let batch = &job.batch;
                // A block may carry ranges only, no records; it makes no partition.
                let blocks =
                    batch.blocks_of(input.stream()).iter().filter(|block| block.records > 0).copied().collect();
                let (input, handler) = (Arc::clone(&input), Arc::clone(&handler));
                let left_out = batch.left_out.clone();
                Ok(Arc::new(Blocks { operator, input, blocks, left_out, handler }))
            })
        })
    }
}

struct Blocks<Rc: Receiver, F> {
    operator: OperatorName,
    input: Arc<ReceiverInput<Rc>>,
    blocks: Vec<BlockInfo>,
    left_out: LeftOut,
    handler: Arc<F>,
}

impl<Rc: Receiver, F> Blocks<Rc, F> {
    /// Pushes what the handler makes of a raw record.
    fn push<T>(
        &self,
        block: BlockId,
        record: usize,
        raw: &Rc::Record,
        task: &Task<'_>,
        sink: &mut Sink<'_, T>,
    ) -> Result<ControlFlow<()>, TaskError>
    where
        F: Fn(&Rc::Record) -> Result<T, BoxError>,
    {
        task.check()?;
        task.at_record(Some(RecordId { block, record }));
        task.enter(self.operator);
        let value = (self.handler)(raw).map_err(|source| TaskError::Handler { block, record, source })?;
        Ok(sink(value))
    }
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
        let touched = self.left_out.touches(id);
        let is_out = |record| touched && self.left_out.has(RecordId { block: id, record });
        match block {
            Content::Memory(block) => {
                for (record, raw) in block.records().iter().enumerate() {
                    if is_out(record) {
                        continue;
                    }
                    if let ControlFlow::Break(()) = self.push(id, record, raw, task, sink)? {
                        break;
                    }
                }
            }
            Content::Encoded(block) => {
                for (record, frame) in BlockFrames::of(block).enumerate() {
                    if is_out(record) {
                        continue;
                    }
                    // Bytes that are no record are not the record's fault.
                    task.at_record(None);
                    let raw = frame.and_then(Rc::Record::decode);
                    let raw = raw.map_err(|source| TaskError::Undecodable { block: id, record, source })?;
                    if let ControlFlow::Break(()) = self.push(id, record, &raw, task, sink)? {
                        break;
                    }
                }
            }
        }
        task.at_record(None);
        Ok(())
    }

    fn origin(&self, partition: usize) -> Option<String> {
        Some(self.input.describe(self.blocks.get(partition)?.id))
    }
}
