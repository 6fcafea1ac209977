//! Faults on purpose: what a caller sees when AWS throttles, fails, dawdles or loses a reply.
//!
//! A [`Fault`] says what happens ([`Effect`]), to which calls, and [`When`] among those. [`Faults`] holds the rules of one
//! pair of endpoints; it is asked once for each call, before anything else happens, and the answer depends on nothing but
//! the rules and the calls before: equal rules and equal calls give equal faults, whatever the clock says.
//!
//! Together the effects cover the four ways in which a call can end: it happened or it did not, and the caller learnt of
//! it or not.
//!
//! | | reported | not reported |
//! |---|---|---|
//! | did not happen | `Fail`, `Throttle`, `ServerError` | `CutBefore` |
//! | happened | no fault, `Delay`, `DelayReply` | `CutAfter` |
//!
//! ```
//! use kinesis_local::Local;
//! use kinesis_local::faults::{Effect, Fault};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let local = Local::builder().stream("words", 1).start().await?;
//! // Every second PutRecords is stored, but its caller never hears of it; ten times in all.
//! local.faults().add(Fault::kinesis(Effect::CutAfter).operation("PutRecords").every(2).times(10))?;
//! assert_eq!(local.faults().list()[0].hits, 0);
//! local.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From outside
//!
//! The Kinesis port takes the same rules as JSON, while the endpoints run:
//!
//! ```text
//! curl -X POST   $URL/_local/faults -d '{"operation": "GetRecords", "effect": "throttle", "times": 3}'    {"id":1}
//! curl           $URL/_local/faults                      {"faults":[{"id":1,"seen":7,"hits":3,"fault":{...}}]}
//! curl -X DELETE $URL/_local/faults/1                    {"removed":1}
//! curl -X DELETE $URL/_local/faults                      {"removed":2}
//! ```
//!
//! | member | type | default | meaning |
//! |---|---|---|---|
//! | `service` | `"kinesis"`, `"dynamodb"` | `"kinesis"` | whose calls |
//! | `operation` | text | every one | such as `"PutRecords"` |
//! | `stream`, or `table` | text | every one | the stream's or table's name |
//! | `shard` | text | every one | such as `"shardId-000000000000"` |
//! | `effect` | see below | required | what happens |
//! | `after` | count | 0 | so many calls pass first |
//! | `every` | count | 1 | of the calls then, each such one |
//! | `share` | 0 to 1 | 1 | of those, this share, by the seed |
//! | `seed` | integer | 0 | of the share |
//! | `times` | count | no end | at most so many times |
//!
//! Effects: `"throttle"`, `"cut_before"`, `"cut_after"`, `{"fail": {"error": "...", "message": "...", "status": 400}}`
//! (all but `error` may be left out), `{"server_error": 503}`, `{"delay_ms": 50}`, `{"delay_reply_ms": 50}`,
//! `{"partial_put_records": 0.5}`, `{"cut_stream": 3}`. Members that are not in this table are refused.

mod cut;
mod dice;
mod fault;
mod form;
mod gate;
mod registry;
mod rules;
mod verdict;
mod when;

pub(crate) use cut::cut;
pub use fault::{Effect, Fault, InvalidFault};
pub(crate) use form::{FaultForm, StatusForm};
pub(crate) use gate::through;
pub use registry::Faults;
pub(crate) use rules::Wants;
pub use rules::{FaultId, FaultStatus};
pub(crate) use verdict::{Outcome, PartialPut, Refusal, Verdict};
pub use when::When;
