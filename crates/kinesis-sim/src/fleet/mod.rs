//! Fleets of lease coordinators alone, for size: 200 workers and 10 000 leases, with the decisions of the real core and of a
//! model of the KCL's, in a discrete-event simulation whose moments are computed. No streams, no readers, no runtime.
//!
//! What is measured: how long until shares differ by at most one, how long a lease is without a reader, how many calls the
//! lease table gets.
//!
//! | module | what it is |
//! |---|---|
//! | [`simulation`] | time, the events to come, and who they concern |
//! | [`table`] | the lease table of a fleet: calls by kind, shares, changes of owners |
//! | [`ours`] | a worker of ours: the real `LeaseCore`, its calls with delays |
//! | [`kcl`] | a worker of the KCL, version 1 or 2 |
//! | [`scenario`] | a fleet's life: cold start, steady state, a join, a stop, a crash, a deploy |
//! | [`report`] | figures as a Markdown table |
//! | [`plan_time`] | how long the plan takes, by the real clock |

pub mod kcl;
pub mod ours;
pub mod plan_time;
pub mod report;
pub mod scenario;
pub mod simulation;
pub mod table;
