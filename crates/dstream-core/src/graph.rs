//! The graph of a context: its inputs, its operators and its output operations. Fixed when the context starts.

use std::sync::{Arc, Weak};

use crate::batch::Batch;
use crate::block::StreamId;
use crate::error::BoxError;
use crate::input::Input;
use crate::job::Job;
use crate::operator::OperatorName;
use crate::time::Time;

/// An output operation.
pub(crate) struct Output {
    pub(crate) name: OperatorName,
    pub(crate) run: RunOutput,
}

pub(crate) type RunOutput = Box<dyn Fn(&Job, &Batch) -> Result<(), BoxError> + Send + Sync>;

/// What keeps datasets of batches.
pub(crate) trait Remember: Send + Sync {
    /// No dataset of `batch`, or of one before it, is needed any more.
    fn forget_through(&self, batch: Time);
}

/// What a started context runs on.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Arc<dyn Input>>,
    pub(crate) outputs: Vec<Arc<Output>>,
    pub(crate) memories: Vec<Weak<dyn Remember>>,
}

#[derive(Default)]
pub(crate) struct Graph {
    // Handed to the scheduler at the start, which drops it at the end: user code in it may hold the context.
    plan: Plan,
    sealed: bool,
    next_operator: u32,
    next_stream: u32,
}

/// Whether something could still be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    InTime,
    TooLate,
}

impl Graph {
    pub(crate) const fn name(&mut self, kind: &'static str) -> OperatorName {
        let number = self.next_operator;
        self.next_operator = number.saturating_add(1);
        OperatorName::new(kind, number)
    }

    pub(crate) const fn stream_id(&mut self) -> StreamId {
        let number = self.next_stream;
        self.next_stream = number.saturating_add(1);
        StreamId::new(number)
    }

    pub(crate) fn remember(&mut self, memory: Weak<dyn Remember>) {
        self.plan.memories.push(memory);
    }

    pub(crate) fn add_input(&mut self, input: Arc<dyn Input>) -> Added {
        if self.sealed {
            return Added::TooLate;
        }
        self.plan.inputs.push(input);
        Added::InTime
    }

    pub(crate) fn add_output(&mut self, output: Output) -> Added {
        if self.sealed {
            return Added::TooLate;
        }
        self.plan.outputs.push(Arc::new(output));
        Added::InTime
    }

    pub(crate) const fn has_outputs(&self) -> bool {
        !self.plan.outputs.is_empty()
    }

    /// Hands the plan out; from now on additions are too late.
    pub(crate) fn seal(&mut self) -> Plan {
        self.sealed = true;
        std::mem::take(&mut self.plan)
    }
}
