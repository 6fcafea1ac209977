//! Stories of leases that go from one worker of ours to another.

use super::*;

/// A lease as a worker holds it.
fn of_worker(shard: &str, owner: &str, counter: u64) -> Lease {
    let mut lease = free(shard);
    (lease.owner, lease.our_owner) = (Some(owner.into()), Some(owner.into()));
    lease.counter = LeaseCounter(counter);
    lease
}

fn asked_by(lease: Lease, asker: &str) -> Lease {
    Lease { asked_by: Some(asker.into()), ..lease }
}

/// A worker that has just asked `you` for one of its leases; with it, that lease as the table has it now.
fn asking(now: Instant) -> (LeaseCore, Lease) {
    let mut core = worker(now);
    core.poll(now);
    core.on_listing(of(vec![of_worker("a", "you", 3), of_worker("b", "you", 3)]), now);
    let ask = writes(core.poll(now)).remove(0);
    let LeaseChange::Ask { shard, owner, by } = &ask.change else { panic!("{ask:?}") };
    assert_eq!((owner.as_str(), by.as_str()), ("you", "me"));
    let stored = ask.change.applied(&of_worker(shard.as_str(), "you", 3));
    core.on_commit(&ask, &Commit::Committed(Some(stored.clone())), now);
    (core, stored)
}

#[test]
fn a_worker_below_its_share_asks_a_worker_of_ours_and_takes_nothing_from_it() {
    let (mut core, _) = asking(start());
    assert!(writes(core.poll(start())).is_empty());
    assert!(!core.is_idle(), "an ask stands");
}

#[test]
fn a_lease_that_was_handed_over_is_claimed_at_the_next_look() {
    let now = start();
    let (mut core, stored) = asking(now);
    let later = now + Duration::from_secs(2);
    assert!(core.poll(later).contains(&Command::List), "who has asked looks soon");
    let claim = Claim { shard: stored.shard.clone(), counter: stored.counter, worker: "you".into() };
    let given = LeaseChange::HandOver { claim, to: "me".into() }.applied(&stored);
    core.on_listing(of(vec![given, of_worker("a", "you", 4)]), later);
    let takes = writes(core.poll(later));
    assert!(
        matches!(&takes[..], [Ticket { change: LeaseChange::Take { claim, .. }, .. }] if claim.shard == stored.shard)
    );
}

#[test]
fn an_owner_that_does_not_answer_in_time_is_stolen_from() {
    let now = start();
    let (mut core, stored) = asking(now);
    let other = if stored.shard == "a".into() { "b" } else { "a" };
    for second in 1..=31 {
        let later = now + Duration::from_secs(second);
        core.poll(later);
        let alive = Lease { counter: LeaseCounter(3 + second), ..stored.clone() };
        core.on_listing(of(vec![alive, of_worker(other, "you", 3 + second)]), later);
        let takes = writes(core.poll(later));
        assert_eq!(takes.len(), usize::from(second == 31), "after {second} s: {takes:?}");
    }
}

#[test]
fn a_renewal_that_brings_an_ask_back_says_so_once() {
    let now = start();
    let mut core = holding(&["a"], now);
    for round in 1..3_u32 {
        let later = now + LONGEST_PAUSE * round;
        for ticket in writes(core.poll(later)) {
            let Origin::Held(_) = ticket.origin else { panic!("{ticket:?}") };
            let stored = asked_by(of_worker("a", "me", 1 + u64::from(round)), "you");
            core.on_commit(&ticket, &Commit::Committed(Some(stored)), later);
        }
        let wanted = core.poll(later).contains(&Command::Wanted("a".into(), Holding(1)));
        assert_eq!(wanted, round == 1);
    }
}

#[test]
fn an_ask_that_a_listing_shows_is_heard_at_once() {
    let now = start();
    let mut core = holding(&["a"], now);
    core.on_listing(of(vec![asked_by(of_worker("a", "me", 1), "you")]), now);
    assert!(core.poll(now).contains(&Command::Wanted("a".into(), Holding(1))));
}

/// A worker whose only lease is asked for, and which has been told so.
fn asked(now: Instant) -> LeaseCore {
    let mut core = holding(&["a"], now);
    core.on_listing(of(vec![asked_by(of_worker("a", "me", 1), "you")]), now);
    core.poll(now);
    core
}

#[test]
fn a_lease_is_handed_over_only_after_its_last_checkpoint_is_stored() {
    let now = start();
    let mut core = asked(now);
    core.checkpoint(&"a".into(), Holding(1), at(5));
    core.hand_over(&"a".into(), Holding(1));
    let first = writes(core.poll(now));
    let LeaseChange::Checkpoint { to, .. } = &first[0].change else { panic!("{first:?}") };
    assert_eq!(*to, at(5));
    core.on_commit(&first[0], &Commit::Committed(None), now);
    let second = writes(core.poll(now));
    let LeaseChange::HandOver { claim, to } = &second[0].change else { panic!("{second:?}") };
    assert_eq!((claim.counter, to.as_str()), (LeaseCounter(2), "you"));
    core.on_commit(&second[0], &Commit::Committed(None), now);
    assert!(core.poll(now).contains(&Command::Released("a".into(), Holding(1))));
    assert!(core.is_idle());
}

#[test]
fn a_lease_whose_asker_took_its_ask_back_is_released_to_whoever_wants_it() {
    let now = start();
    let mut core = asked(now);
    core.checkpoint(&"a".into(), Holding(1), at(5));
    let first = writes(core.poll(now));
    let mut stored = first[0].change.applied(&of_worker("a", "me", 1));
    stored.asked_by = None;
    core.on_commit(&first[0], &Commit::Committed(Some(stored)), now);
    core.hand_over(&"a".into(), Holding(1));
    let second = writes(core.poll(now));
    assert!(matches!(&second[..], [Ticket { change: LeaseChange::Release(_), .. }]), "{second:?}");
}

/// The one write that takes an ask back; a worker that stops calls others as well.
fn retraction(commands: Vec<Command>) -> Ticket {
    let is_it = |ticket: &Ticket| matches!(ticket.change, LeaseChange::Retract { .. });
    writes(commands).into_iter().find(is_it).expect("an ask is taken back")
}

#[test]
fn a_worker_that_stops_takes_its_asks_back() {
    let now = start();
    let (mut core, stored) = asking(now);
    core.stop_taking(now);
    let back = retraction(core.poll(now));
    assert_eq!(back.change, LeaseChange::Retract { shard: stored.shard.clone(), by: "me".into() });
    core.on_commit(&back, &Commit::Committed(Some(back.change.applied(&stored))), now);
    assert!(writes(core.poll(now)).is_empty());
    assert!(core.is_idle());
}

#[test]
fn a_lease_that_arrives_while_its_ask_is_taken_back_is_claimed_so_that_it_can_be_released() {
    let now = start();
    let (mut core, stored) = asking(now);
    core.stop_taking(now);
    let back = retraction(core.poll(now));
    let given = of_worker(stored.shard.as_str(), "me", 4);
    core.on_commit(&back, &Commit::Superseded(Some(given)), now);
    assert!(!core.is_idle());
    let takes = writes(core.poll(now));
    assert!(matches!(&takes[..], [Ticket { change: LeaseChange::Take { .. }, .. }]), "{takes:?}");
}

#[test]
fn an_ask_is_no_sign_of_life_of_the_owner() {
    let now = start();
    let (mut core, stored) = asking(now);
    let later = now + FAILOVER + Duration::from_millis(1);
    core.poll(later);
    let other = if stored.shard == "a".into() { "b" } else { "a" };
    core.on_listing(of(vec![stored, of_worker(other, "you", 3)]), later);
    let takes = writes(core.poll(later)).into_iter().filter(|t| matches!(t.change, LeaseChange::Take { .. })).count();
    assert_eq!(takes, 2, "the owner is dead, asked or not");
}

/// A worker beside others, each of which holds a lease.
fn among(others: &[&str], now: Instant) -> LeaseCore {
    let mut core = holding(&["mine"], now);
    let theirs = others.iter().enumerate().map(|(number, owner)| of_worker(&format!("s{number:03}"), owner, 3));
    core.on_listing(of([of_worker("mine", "me", 1)].into_iter().chain(theirs).collect()), now);
    core.poll(now);
    core
}

#[test]
fn a_worker_that_leaves_calls_every_other_one_once_and_at_most_sixteen() {
    let now = start();
    let mut core = among(&["a", "b", "c"], now);
    core.stop_taking(now);
    core.stop_taking(now);
    let called: Vec<String> = writes(core.poll(now))
        .iter()
        .map(|ticket| match &ticket.change {
            LeaseChange::Call { owner, by, .. } if by.as_str() == "me" => owner.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(called.iter().collect::<BTreeSet<_>>().len(), 3, "{called:?}");
    assert_eq!(called.len(), 3);
    let many: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut core = among(&many, now);
    core.stop_taking(now);
    assert_eq!(writes(core.poll(now)).len(), 16);
}

#[test]
fn a_worker_that_is_called_looks_often_until_the_caller_must_be_gone() {
    let now = start();
    let others: Vec<String> = (0..40).map(|number| format!("w{number:02}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let mut core = among(&others, now);
    assert_eq!(core.duty(), Duty::Follow, "its name is not among the first two");
    assert!(core.next_listing > now + FAILOVER);
    let renewal = writes(core.poll(now + LONGEST_PAUSE)).remove(0);
    let called = Lease { called_by: Some("w07".into()), ..renewal.change.applied(&of_worker("mine", "me", 1)) };
    let heard = now + LONGEST_PAUSE;
    core.on_commit(&renewal, &Commit::Committed(Some(called)), heard);
    assert!(core.next_listing <= heard + watch_pause(FAILOVER));
    assert!(core.pause_until_next_look(heard + FAILOVER) <= watch_pause(FAILOVER));
    assert_eq!(core.alert_until, heard + FAILOVER * 3);
}

#[test]
fn a_hand_over_whose_new_owner_was_quick_is_no_theft() {
    let now = start();
    let mut core = asked(now);
    core.hand_over(&"a".into(), Holding(1));
    let given = writes(core.poll(now)).remove(0);
    core.on_commit(&given, &Commit::Superseded(Some(of_worker("a", "you", 3))), now);
    let commands = core.poll(now);
    assert!(commands.contains(&Command::Released("a".into(), Holding(1))), "{commands:?}");
    assert!(!is_lost(&commands));
}

#[test]
fn a_hand_over_that_is_refused_since_the_ask_was_taken_back_becomes_a_release() {
    let now = start();
    let mut core = asked(now);
    core.hand_over(&"a".into(), Holding(1));
    let given = writes(core.poll(now)).remove(0);
    assert!(matches!(given.change, LeaseChange::HandOver { .. }), "{given:?}");
    let still_mine = of_worker("a", "me", 1);
    assert!(!given.change.is_allowed(&still_mine), "nobody asks any more");
    core.on_commit(&given, &Commit::Superseded(Some(still_mine)), now);
    let next = writes(core.poll(now));
    assert!(matches!(&next[..], [Ticket { change: LeaseChange::Release(_), .. }]), "{next:?}");
}

#[test]
fn a_worker_that_stops_takes_its_asks_back_again_and_again_for_a_failover_time() {
    let now = start();
    let (mut core, _) = asking(now);
    core.stop_taking(now);
    for second in 0..10 {
        let later = now + Duration::from_secs(second);
        let back = retraction(core.poll(later));
        core.on_commit(&back, &Commit::NotDone(unreachable()), later);
        assert!(!core.is_idle(), "after {second} s");
    }
    let back = retraction(core.poll(now + FAILOVER));
    core.on_commit(&back, &Commit::NotDone(unreachable()), now + FAILOVER);
    assert!(core.is_idle());
}

#[test]
fn an_ask_that_is_younger_than_a_listing_is_not_forgotten_nor_repeated() {
    let now = start();
    let mut core = worker(now);
    core.poll(now);
    let theirs = || ["a", "b", "c"].map(|shard| of_worker(shard, "you", 3)).to_vec();
    core.on_listing(of(theirs()), now);
    let ask = writes(core.poll(now)).remove(0);
    let later = now + Duration::from_secs(2);
    assert!(core.poll(later).contains(&Command::List));
    core.on_commit(&ask, &Commit::Committed(Some(ask.change.applied(&of_worker("a", "you", 3)))), later);
    core.on_listing(of(theirs()), later + Duration::from_millis(10));
    assert!(writes(core.poll(later)).is_empty(), "one of three is the share of the second worker");
    assert!(!core.is_idle());
}
