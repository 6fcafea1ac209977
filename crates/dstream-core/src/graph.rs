//! The graph of a context: its inputs, its operators and its output operations. Fixed when the context starts.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::block::StreamId;
use crate::checkpoint::CheckpointSettings;
use crate::error::BoxError;
use crate::graph_error::GraphError;
use crate::input::Input;
use crate::job::Job;
use crate::operator::OperatorName;
use crate::stream_node::{Replay, StreamNode, reachable};

/// An output operation, or the hidden one that computes a memory.
pub(crate) struct Output {
    pub(crate) name: OperatorName,
    pub(crate) node: Arc<dyn StreamNode>,
    pub(crate) run: RunOutput,
    pub(crate) role: Role,
}

pub(crate) type RunOutput = Box<dyn Fn(&Job) -> Result<Ending, BoxError> + Send + Sync>;

/// What is left to do once the function of an output operation has returned.
pub(crate) enum Ending {
    /// Nothing.
    Done,
    /// This, on the runtime; the batch waits for it.
    Awaiting(BoxFuture<'static, Result<(), BoxError>>),
}

/// Whom an output operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The program made it; events tell of it.
    Program,
    /// It computes what a stream carries to the next batch, in case no other output needed it.
    Memory,
}

impl Output {
    fn of_memory(node: &Arc<dyn StreamNode>) -> Self {
        let owner = Arc::clone(node);
        let run: RunOutput = Box::new(move |job| Ok(owner.materialise(job).map(|()| Ending::Done)?));
        Self { name: node.name(), node: Arc::clone(node), run, role: Role::Memory }
    }
}

/// What a started context runs on.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Arc<dyn Input>>,
    /// Those of the program in its order, then those of the memories.
    pub(crate) outputs: Vec<Arc<Output>>,
    /// The streams that the outputs need, parents before children.
    pub(crate) nodes: Vec<Arc<dyn StreamNode>>,
    /// How long datasets and blocks outlive their batch.
    pub(crate) remember: Duration,
}

#[derive(Default)]
pub(crate) struct Graph {
    // Handed to the scheduler at the start, which drops it at the end: user code in it may hold the context.
    plan: Plan,
    // Computed in every batch although no output may need them.
    remembered: Vec<Arc<dyn StreamNode>>,
    sealed: bool,
    remembers: bool,
    defects: Vec<GraphError>,
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

    /// Notes a mistake in how streams were put together; the start will report the first one.
    pub(crate) fn note_defect(&mut self, defect: GraphError) {
        self.defects.push(defect);
    }

    pub(crate) fn first_defect(&self) -> Option<GraphError> {
        self.defects.first().cloned()
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

    /// An operator makes nothing happen, but one that comes too late never will.
    pub(crate) const fn add_operator(&self) -> Added {
        if self.sealed { Added::TooLate } else { Added::InTime }
    }

    pub(crate) fn remember(&mut self, duration: Duration) -> Added {
        if self.sealed {
            return Added::TooLate;
        }
        if self.remembers {
            self.note_defect(GraphError::RememberedTwice { first: self.plan.remember, second: duration });
        }
        self.remembers = true;
        self.plan.remember = duration;
        Added::InTime
    }

    /// Lets `node`, which has a memory, be computed in every batch.
    pub(crate) fn add_remembered(&mut self, node: Arc<dyn StreamNode>) -> Added {
        if self.sealed {
            return Added::TooLate;
        }
        self.remembered.push(node);
        Added::InTime
    }

    pub(crate) const fn has_outputs(&self) -> bool {
        !self.plan.outputs.is_empty()
    }

    /// The first stream that cannot run with such checkpoints.
    pub(crate) fn checkpoint_defect(&self, checkpoint: &CheckpointSettings) -> Option<GraphError> {
        let nodes = reachable(self.plan.outputs.iter().map(|output| &output.node));
        if checkpoint.directory.is_some() {
            let lost = nodes.iter().find(|node| node.replay() == Replay::Lost)?;
            return Some(GraphError::NotRecoverable { operator: lost.name() });
        }
        let stateful = nodes.iter().find(|node| node.stateful() && !checkpoint.volatile_state)?;
        Some(GraphError::StateWithoutDirectory { operator: stateful.name() })
    }

    /// Hands the plan out; from now on additions are too late.
    pub(crate) fn seal(&mut self) -> Plan {
        self.sealed = true;
        let mut plan = std::mem::take(&mut self.plan);
        let remembered = std::mem::take(&mut self.remembered);
        plan.nodes = reachable(plan.outputs.iter().map(|output| &output.node).chain(&remembered));
        let memories = plan.nodes.iter().filter(|node| node.memory().is_some()).map(Output::of_memory);
        plan.outputs.extend(memories.map(Arc::new));
        plan
    }
}
