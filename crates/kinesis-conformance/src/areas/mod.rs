//! The checks, area by area, in the order of the table.

mod account;
mod concurrency;
mod consumers;
mod dynamodb;
mod expiry;
mod fan_out;
mod fan_out_resume;
mod iterators;
mod iterators_by_time;
mod limits;
mod put_record;
mod put_records;
mod read;
mod reshard;
mod reshard_read;
mod retention;
mod scaling;
mod shard_filters;
mod shards;
mod statuses;
mod streams;
mod streams_list;
mod tags;
mod wire;

use crate::check::Check;

/// All of them.
pub(crate) const ALL: &[&[Check]] = &[
    streams::CHECKS,
    streams_list::CHECKS,
    statuses::CHECKS,
    shards::CHECKS,
    shard_filters::CHECKS,
    put_record::CHECKS,
    put_records::CHECKS,
    iterators::CHECKS,
    iterators_by_time::CHECKS,
    read::CHECKS,
    reshard::CHECKS,
    reshard_read::CHECKS,
    scaling::CHECKS,
    retention::CHECKS,
    consumers::CHECKS,
    fan_out::CHECKS,
    fan_out_resume::CHECKS,
    tags::CHECKS,
    account::CHECKS,
    wire::CHECKS,
    limits::CHECKS,
    expiry::CHECKS,
    concurrency::CHECKS,
    dynamodb::CHECKS,
];
