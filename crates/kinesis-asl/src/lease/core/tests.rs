//! Stories of one worker, told as events and commands.

mod hand_over;

use super::*;
use crate::lease::lease::{Claim, Lease, LeaseCounter};
use crate::position::Timestamp;
use crate::sequence::{Position, SequenceNumber};

const FAILOVER: Duration = Duration::from_secs(10);
/// The longest pause between two renewals.
const LONGEST_PAUSE: Duration = Duration::from_micros(4_166_667);
const UNRESOLVED: Unresolved = Unresolved { latest: Timestamp::from_millis(77) };

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn worker(now: Instant) -> LeaseCore {
    let limits = TakeLimits { failover: FAILOVER, max_leases: usize::MAX };
    LeaseCore::new("me".into(), LeasePolicy { limits, hand_over_within: FAILOVER * 3, unresolved: UNRESOLVED }, 1, now)
}

fn free(shard: &str) -> Lease {
    Lease::new(shard.into(), Checkpoint::TrimHorizon)
}

fn at(number: u64) -> Checkpoint {
    Checkpoint::At(Position::new(SequenceNumber::ZERO, number))
}

fn unreachable() -> kinesis_endpoint::ServiceError {
    kinesis_endpoint::ServiceError::invalid_response("UpdateItem", "lease table 't'", "cut off")
}

fn of(leases: Vec<Lease>) -> Listing {
    Listing { leases, unreadable: Vec::new() }
}

/// The writes among commands.
fn writes(commands: Vec<Command>) -> Vec<Ticket> {
    commands
        .into_iter()
        .filter_map(|command| if let Command::Write(ticket) = command { Some(ticket) } else { None })
        .collect()
}

/// Lists a table with these free leases and takes them all.
fn holding(shards: &[&str], now: Instant) -> LeaseCore {
    let mut core = worker(now);
    assert_eq!(core.poll(now), [Command::List]);
    core.on_listing(of(shards.iter().map(|shard| free(shard)).collect()), now);
    for ticket in writes(core.poll(now)) {
        core.on_commit(&ticket, &Commit::Committed(None), now);
    }
    let gained = core.poll(now);
    assert_eq!(gained.len(), shards.len(), "{gained:?}");
    core
}

#[test]
fn a_free_lease_is_taken_and_renewed_before_half_of_the_failover_time_is_over() {
    let now = start();
    let mut core = holding(&["a"], now);
    let later = now + LONGEST_PAUSE;
    let renewals = writes(core.poll(later));
    assert!(
        matches!(&renewals[..], [Ticket { change: LeaseChange::Renew(claim), .. }] if claim.counter == LeaseCounter(1))
    );
    assert!(writes(core.poll(later)).is_empty(), "one write per lease at a time");
}

#[test]
fn a_lease_that_cannot_be_renewed_is_lost_when_the_failover_time_is_over_and_not_before_lr_6() {
    let now = start();
    let mut core = holding(&["a"], now);
    let mut clock = now;
    while clock < now + FAILOVER {
        for ticket in writes(core.poll(clock)) {
            core.on_commit(&ticket, &Commit::Unknown(unreachable()), clock);
        }
        clock += Duration::from_millis(100);
    }
    assert_eq!(core.poll(now + FAILOVER).iter().filter(|c| matches!(c, Command::Lost(..))).count(), 0);
    let after = core.poll(now + FAILOVER + Duration::from_millis(1));
    assert!(after.contains(&Command::Lost("a".into(), Holding(1), LossReason::Expired)), "{after:?}");
}

#[test]
fn a_lease_that_was_stolen_is_lost_and_the_others_stay_lr_1() {
    let now = start();
    let mut core = holding(&["a", "b"], now);
    let later = now + LONGEST_PAUSE;
    for ticket in writes(core.poll(later)) {
        let stolen = *ticket.change.shard() == "a".into();
        let outcome = if stolen { Commit::Superseded(Some(free("a"))) } else { Commit::Committed(None) };
        core.on_commit(&ticket, &outcome, later);
    }
    let lost: Vec<Command> = core.poll(later).into_iter().filter(|c| matches!(c, Command::Lost(..))).collect();
    assert_eq!(lost, [Command::Lost("a".into(), Holding(1), LossReason::Stolen)]);
    assert!(core.held.contains_key(&"b".into()));
}

#[test]
fn a_checkpoint_is_a_renewal_and_several_are_folded_into_the_last() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.checkpoint(&"a".into(), Holding(1), at(1));
    core.checkpoint(&"a".into(), Holding(1), at(5));
    core.checkpoint(&"a".into(), Holding(1), at(3));
    let later = now + Duration::from_secs(3);
    let tickets = writes(core.poll(later));
    assert!(matches!(&tickets[..], [Ticket { change: LeaseChange::Checkpoint { to, .. }, .. }] if *to == at(5)));
    core.on_commit(&tickets[0], &Commit::Committed(None), later);
    assert!(core.poll(later).contains(&Command::Checkpointed("a".into(), Holding(1), at(5))));
    assert!(writes(core.poll(now + Duration::from_secs(4))).is_empty(), "the renewal was folded into the checkpoint");
}

#[test]
fn a_checkpoint_never_goes_back_nor_comes_from_an_earlier_holding() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.checkpoint(&"a".into(), Holding(0), at(9));
    assert!(writes(core.poll(now)).is_empty());
    core.checkpoint(&"a".into(), Holding(1), at(5));
    let tickets = writes(core.poll(now));
    core.on_commit(&tickets[0], &Commit::Committed(None), now);
    core.checkpoint(&"a".into(), Holding(1), at(4));
    assert!(writes(core.poll(now)).is_empty());
}

#[test]
fn a_lease_is_released_only_after_its_last_checkpoint_is_stored() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.checkpoint(&"a".into(), Holding(1), at(5));
    core.release(&"a".into(), Holding(1));
    let first = writes(core.poll(now));
    assert!(matches!(&first[..], [Ticket { change: LeaseChange::Checkpoint { .. }, .. }]));
    core.on_commit(&first[0], &Commit::Committed(None), now);
    let second = writes(core.poll(now));
    assert!(
        matches!(&second[..], [Ticket { change: LeaseChange::Release(claim), .. }] if claim.counter == LeaseCounter(2))
    );
    core.on_commit(&second[0], &Commit::Committed(None), now);
    assert!(core.poll(now).contains(&Command::Released("a".into(), Holding(1))));
    assert!(core.is_idle());
}

#[test]
fn a_take_whose_reply_was_lost_is_claimed_again_at_the_next_listing_lr_7() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    core.on_listing(of(vec![free("a")]), now);
    let ticket = writes(core.poll(now)).remove(0);
    core.on_commit(&ticket, &Commit::Unknown(unreachable()), now);
    let mut ours = free("a");
    ticket.change.apply(&mut ours);
    let later = now + Duration::from_secs(2);
    core.poll(later);
    core.on_listing(of(vec![ours]), later);
    let again = writes(core.poll(later));
    assert!(
        matches!(&again[..], [Ticket { change: LeaseChange::Take { claim, .. }, .. }] if claim.counter == LeaseCounter(1))
    );
}

#[test]
fn a_late_answer_to_a_write_of_an_earlier_holding_changes_nothing_lr_4() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.checkpoint(&"a".into(), Holding(1), at(5));
    let ticket = writes(core.poll(now)).remove(0);
    let later = now + FAILOVER + Duration::from_secs(1);
    assert!(core.poll(later).contains(&Command::Lost("a".into(), Holding(1), LossReason::Expired)));
    core.on_commit(&ticket, &Commit::Committed(None), later);
    assert!(!core.poll(later).iter().any(|command| matches!(command, Command::Checkpointed(..))));
}

#[test]
fn a_worker_that_stopped_taking_takes_nothing() {
    let now = start();
    let mut core = worker(now);
    core.stop_taking(now);
    core.poll(now);
    core.on_listing(of(vec![free("a")]), now);
    assert!(writes(core.poll(now)).is_empty());
}

#[test]
fn a_listing_older_than_our_own_write_does_not_make_us_take_again() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.on_listing(of(vec![free("a")]), now);
    assert!(writes(core.poll(now)).is_empty());
    assert_eq!(core.coverage(now), Coverage { unfinished: 1, held: 1, mine: 1 });
}

/// Takes the lease, and has a renewal fail in a way that leaves open whether it landed. Returns when it was sent.
fn with_unclear_renewal(now: Instant) -> (LeaseCore, Instant) {
    let mut core = holding(&["a"], now);
    let sent = now + LONGEST_PAUSE;
    for ticket in writes(core.poll(sent)) {
        core.on_commit(&ticket, &Commit::NotDone(unreachable()), sent);
    }
    (core, sent)
}

fn is_lost(commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::Lost(..)))
}

#[test]
fn a_write_that_may_be_an_older_one_of_ours_proves_no_more_than_that_ones_age() {
    let (mut core, sent) = with_unclear_renewal(start());
    let again = sent + FAILOVER / 2;
    for ticket in writes(core.poll(again)) {
        core.on_commit(&ticket, &Commit::Committed(None), again);
    }
    assert!(is_lost(&core.poll(sent + FAILOVER + Duration::from_millis(1))));
}

#[test]
fn an_older_write_of_ours_that_landed_late_is_no_theft() {
    let (mut core, sent) = with_unclear_renewal(start());
    core.checkpoint(&"a".into(), Holding(1), at(5));
    let again = sent + FAILOVER / 2;
    let tickets = writes(core.poll(again));
    let mut landed = free("a");
    (landed.owner, landed.counter) = (Some("me".into()), LeaseCounter(2));
    core.on_commit(&tickets[0], &Commit::Superseded(Some(landed)), again);
    let commands = core.poll(again);
    assert!(!is_lost(&commands), "{commands:?}");
    let tickets = writes(commands);
    let LeaseChange::Checkpoint { claim, to } = &tickets[0].change else { panic!("{tickets:?}") };
    assert_eq!((claim.counter, *to), (LeaseCounter(2), at(5)));
}

#[test]
fn a_lease_ages_from_the_listing_that_it_was_taken_on() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    let listed = now + Duration::from_secs(4);
    core.on_listing(of(vec![free("a")]), listed);
    for ticket in writes(core.poll(listed)) {
        core.on_commit(&ticket, &Commit::Committed(None), listed);
    }
    assert!(!is_lost(&core.poll(now + FAILOVER)));
    assert!(is_lost(&core.poll(now + FAILOVER + Duration::from_millis(1))));
}

#[test]
fn a_take_that_is_recognised_by_reading_again_goes_on_from_what_was_read_and_not_from_an_older_view() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    core.on_listing(of(vec![free("a")]), now);
    let ticket = writes(core.poll(now)).remove(0);
    let mut stored = ticket.change.applied(&free("a"));
    stored.checkpoint = at(9);
    core.on_commit(&ticket, &Commit::Committed(Some(stored.clone())), now);
    assert!(core.poll(now).contains(&Command::Gained(stored, Holding(1))));
}

#[test]
fn a_listing_that_arrives_while_a_take_is_under_way_does_not_change_what_is_taken() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    let mut planned = free("a");
    planned.checkpoint = at(9);
    core.on_listing(of(vec![planned.clone()]), now);
    let ticket = writes(core.poll(now)).remove(0);
    core.on_listing(of(vec![]), now);
    core.on_commit(&ticket, &Commit::Committed(None), now);
    assert!(core.poll(now).contains(&Command::Gained(ticket.change.applied(&planned), Holding(1))));
}

#[test]
fn a_listing_that_took_longer_than_the_failover_time_is_not_used_but_asked_for_again_lt_11() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    let late = now + FAILOVER + Duration::from_secs(1);
    assert_eq!(core.on_listing(of(vec![free("a")]), late), Reading::TooOld);
    assert!(core.poll(late).is_empty(), "neither taken nor read again without a pause");
    assert_eq!(core.poll(late + Duration::from_secs(5)), [Command::List]);
}

#[test]
fn a_hash_range_that_others_note_at_a_held_lease_is_learned_from_the_listing_pa_5() {
    let now = start();
    let mut core = holding(&["a"], now);
    let range = Some(kpl_deagg::HashKeyRange::FULL);
    core.on_listing(of(vec![Lease { hash_range: range, ..free("a") }]), now);
    assert_eq!(core.snapshot().get(&"a".into()).map(|lease| lease.hash_range), Some(range));
    assert!(writes(core.poll(now)).is_empty(), "it is no theft");
}

#[test]
fn a_lease_of_a_java_worker_at_latest_gets_the_moment_at_which_this_worker_started() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    let mut latest = free("a");
    latest.checkpoint = Checkpoint::Latest;
    core.on_listing(of(vec![latest]), now);
    let takes = writes(core.poll(now));
    assert!(
        matches!(&takes[..], [Ticket { change: LeaseChange::Take { start_at: Some(at), .. }, .. }] if *at == UNRESOLVED.latest)
    );
}

#[test]
fn a_race_that_is_lost_gains_nothing_and_is_no_error_lt_14() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    core.on_listing(of(vec![free("a")]), now);
    let ticket = writes(core.poll(now)).remove(0);
    let mut theirs = free("a");
    (theirs.owner, theirs.counter) = (Some("winner".into()), LeaseCounter(1));
    core.on_commit(&ticket, &Commit::Superseded(Some(theirs)), now);
    assert!(core.poll(now).is_empty());
    assert_eq!(core.coverage(now), Coverage { unfinished: 1, held: 1, mine: 0 });
}

#[test]
fn a_take_that_was_throttled_is_planned_again_at_a_look_that_comes_soon_lt_15() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    core.on_listing(of(vec![free("a")]), now);
    let ticket = writes(core.poll(now)).remove(0);
    core.on_commit(&ticket, &Commit::NotDone(unreachable()), now);
    let soon = now + Duration::from_secs(1);
    assert_eq!(core.poll(soon), [Command::List]);
    core.on_listing(of(vec![free("a")]), soon);
    assert_eq!(writes(core.poll(soon)).len(), 1);
}

#[test]
fn a_failed_write_leaves_the_lease_as_it_was_and_is_tried_again_with_the_same_counter_lr_8() {
    let (mut core, sent) = with_unclear_renewal(start());
    let again = writes(core.poll(sent + FAILOVER / 4)).remove(0);
    let LeaseChange::Renew(claim) = &again.change else { panic!("{again:?}") };
    assert_eq!(claim.counter, LeaseCounter(1));
}

#[test]
fn a_worker_that_loses_a_lease_by_its_own_clock_looks_at_once_who_has_it() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.poll(now);
    let commands = core.poll(now + FAILOVER + Duration::from_millis(1));
    assert!(is_lost(&commands), "{commands:?}");
    assert!(commands.contains(&Command::List), "{commands:?}");
}

#[test]
fn a_checkpoint_that_is_refused_because_somebody_ended_the_lease_by_hand_is_not_tried_without_end() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.checkpoint(&"a".into(), Holding(1), at(5));
    let refused = writes(core.poll(now)).remove(0);
    let mut ended = free("a");
    (ended.owner, ended.counter, ended.checkpoint) = (Some("me".into()), LeaseCounter(1), Checkpoint::ShardEnd);
    assert!(!refused.change.is_allowed(&ended));
    core.on_commit(&refused, &Commit::Superseded(Some(ended)), now);
    assert!(writes(core.poll(now)).is_empty());
}

#[test]
fn renewals_of_many_leases_gained_together_spread_over_the_period() {
    let now = start();
    let names: Vec<String> = (0..100).map(|number| format!("s{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut core = holding(&names, now);
    let mut counts = Vec::new();
    for tenth in 1..=10_u32 {
        let tickets = writes(core.poll(now + LONGEST_PAUSE / 10 * tenth));
        counts.push(tickets.len());
    }
    assert_eq!(counts.iter().sum::<usize>(), 100);
    assert!(counts.iter().all(|count| *count < 30), "{counts:?}");
}
