//! Fleets of coordinators alone: how soon they settle, what that costs, and that Java workers can be among them.
#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use kinesis_sim::fleet::kcl::KclVersion;
use kinesis_sim::fleet::scenario::{act, life, settle, setup, steady};
use kinesis_sim::fleet::simulation::{Fleet, Kind};

const JAVA: Kind = Kind::Kcl(KclVersion::Two);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn fleets_settle_within_three_looks_after_a_join_and_fifteen_seconds_after_a_cold_start() {
    let (mut longest, mut most_join) = (Duration::ZERO, 0);
    for (workers, leases) in [(1, 10), (2, 4), (3, 10), (5, 23), (7, 5), (10, 100), (20, 200)] {
        for seed in 0..10 {
            let mut fleet = Fleet::new(setup(leases), seed);
            (0..workers).for_each(|_| _ = fleet.start(Kind::Ours));
            let cold_start = settle(&mut fleet);
            let join = act(&mut fleet, |fleet| fleet.start(Kind::Ours)).1;
            let fleet = format!("{workers} workers, {leases} leases, seed {seed}");
            assert!(join.balanced.is_some(), "{fleet}: {join:?}");
            let cold_start = cold_start.balanced.unwrap_or_else(|| panic!("{fleet}: {cold_start:?}"));
            (longest, most_join) = (longest.max(cold_start), most_join.max(join.rounds));
        }
    }
    println!("balanced {longest:?} after a cold start, with {most_join} looks after a join");
    assert!(longest <= seconds(15) && most_join <= 3, "{longest:?} after a cold start, {most_join} looks after a join");
}

#[test]
fn a_fleet_reads_again_within_two_seconds_of_a_stop_and_five_seconds_after_the_failover_time_of_a_crash() {
    let drain = setup(1).drain;
    for (workers, leases) in [(1, 10), (2, 10), (3, 10), (4, 10), (10, 40), (20, 100)] {
        for seed in 0..10 {
            let figures = life(Kind::Ours, workers, leases, seed);
            let fleet = format!("{workers} workers, {leases} leases, seed {seed}: {figures:?}");
            assert!(figures.stop.idle < seconds(2) + drain, "{fleet}");
            assert!(figures.crash.idle < setup(1).failover + seconds(5), "{fleet}");
        }
    }
}

/// Readings in a minute by the formula of `docs/lease-lifecycle.md`, for the failover time of 10 s.
fn readings_by_the_formula(workers: u64) -> f64 {
    let a_minute = |pause: f64| 60.0 / (0.975 * pause);
    let count = |number: u64| f64::from(u32::try_from(number).expect("small"));
    if workers == 1 {
        return a_minute(10.0);
    }
    let followers_pause = if workers <= 4 { 5.0 } else { 10.0 * count((workers / 4).clamp(1, 4)) };
    2.0 * a_minute(1.5) + count(workers - 2) * a_minute(followers_pause)
}

#[test]
fn calls_a_minute_follow_the_formula_of_the_docs() {
    for (workers, leases) in [(1_u32, 10_u32), (2, 10), (3, 10), (7, 50), (10, 100), (30, 300), (20, 3_000)] {
        let mut fleet = Fleet::new(setup(usize::try_from(leases).expect("small")), 1);
        (0..workers).for_each(|_| _ = fleet.start(Kind::Ours));
        settle(&mut fleet);
        let calls = steady(&mut fleet).0;
        let count = |number: u64| f64::from(u32::try_from(number).expect("small"));
        let is_near = |measured: u64, formula: f64| (count(measured) - formula).abs() <= formula * 0.05 + 2.0;
        let renewals = f64::from(leases) * 60.0 / (0.975 * 10.0 * 5.0 / 12.0);
        let pages = readings_by_the_formula(u64::from(workers)) * f64::from(leases.div_ceil(2_500));
        assert!(is_near(calls.updates, renewals), "{workers} × {leases}: {calls:?}, renewals {renewals:.0}");
        assert!(is_near(calls.pages, pages), "{workers} × {leases}: {calls:?}, pages {pages:.0}");
        assert_eq!(calls.gets, 0, "{workers} × {leases}: {calls:?}");
    }
}

#[test]
fn a_fleet_of_ten_workers_with_a_hundred_leases_and_more_makes_fewer_calls_than_the_kcl() {
    for (workers, leases) in [(1, 10), (10, 100), (20, 1_000)] {
        let calls = |kind| {
            let mut fleet = Fleet::new(setup(leases), 1);
            (0..workers).for_each(|_| _ = fleet.start(kind));
            settle(&mut fleet);
            steady(&mut fleet).0.total()
        };
        let (ours, javas) = (calls(Kind::Ours), calls(JAVA));
        assert!(ours < javas, "{workers} × {leases}: {ours} and {javas}");
    }
}

#[test]
fn the_model_of_the_kcl_takes_over_within_the_twenty_to_forty_seconds_that_its_rules_give() {
    for version in [KclVersion::One, KclVersion::Two] {
        for seed in 0..10 {
            let figures = life(Kind::Kcl(version), 4, 20, seed);
            for idle in [figures.stop.idle, figures.crash.idle] {
                assert!(idle > seconds(10) && idle < seconds(45), "{version:?}, seed {seed}: {figures:?}");
            }
        }
    }
}

#[test]
fn ours_and_java_workers_share_a_table_and_every_lease_has_one_reader_whoever_goes() {
    for version in [KclVersion::One, KclVersion::Two] {
        for seed in 0..10 {
            let mut fleet = Fleet::new(setup(30), seed);
            let ours: Vec<_> = (0..3).map(|_| fleet.start(Kind::Ours)).collect();
            let javas: Vec<_> = (0..3).map(|_| fleet.start(Kind::Kcl(version))).collect();
            settle(&mut fleet);
            assert_shared(&fleet, seed);
            act(&mut fleet, |fleet| fleet.stop(ours[0]));
            assert_shared(&fleet, seed);
            act(&mut fleet, |fleet| fleet.crash(javas[0]));
            assert_shared(&fleet, seed);
            act(&mut fleet, |fleet| fleet.crash(ours[1]));
            assert_shared(&fleet, seed);
            act(&mut fleet, |fleet| fleet.start(Kind::Kcl(version)));
            act(&mut fleet, |fleet| fleet.start(Kind::Ours));
            assert_shared(&fleet, seed);
        }
    }
}

/// One believer each, no counter that went back, shares that the KCL's rules may leave.
fn assert_shared(fleet: &Fleet, seed: u64) {
    assert!(fleet.believers().iter().all(|believers| *believers == 1), "seed {seed}: {:?}", fleet.believers());
    assert_eq!(fleet.table().counters_went_back(), 0, "seed {seed}");
    assert!(fleet.table().spread() <= 2, "seed {seed}: shares differ by {}", fleet.table().spread());
}

#[test]
fn a_life_played_twice_gives_the_same_figures() {
    assert_eq!(life(Kind::Ours, 5, 40, 3), life(Kind::Ours, 5, 40, 3));
    assert_eq!(life(JAVA, 5, 40, 3), life(JAVA, 5, 40, 3));
}
