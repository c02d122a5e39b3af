//! Tests: where the day is cut, and what else happens to the flash. Never skips a step.

use super::agent::{Agent, Dead};
use super::world::World;
use crate::store::sim::{Fault, SimFlash};

/// So many steps are cut by one test before the other's turn comes.
const STRETCH: usize = 16;
/// More rounds than any day needs.
const LONG: usize = 60;

/// Goes on until all is quiet, or the power is gone.
fn live(flash: &SimFlash, world: &mut World, mut fault: impl FnMut(usize)) -> Result<Agent, Dead> {
    let mut agent = Agent::start(flash, world)?;
    for _ in 0..LONG {
        fault(world.round);
        agent.round(world)?;
        if world.is_quiet() && agent.is_quiet() {
            break;
        }
    }
    Ok(agent)
}

/// The world when the power goes after so many steps of the flash; `None` when the day is over before.
fn until_cut(flash: &SimFlash, mut world: World, steps: usize) -> Option<World> {
    flash.fail(Fault::Cut(steps));
    match live(flash, &mut world, |_| {}) {
        Ok(_) => None,
        Err(Dead) => Some(world),
    }
}

#[test]
fn a_day_without_a_fault_is_a_good_day() {
    let (flash, mut world) = (SimFlash::default(), World::new());
    let agent = live(&flash, &mut world, |_| {}).unwrap();
    agent.judge_day(&world, 0);
    assert!(flash.was_cleaned(), "the day never cleaned a segment");
}

/// Cuts the day at each step of every second stretch, so that two can work at it. What two cuts leave alike in the same
/// world is tried once.
fn cut_everywhere_in(half: usize) {
    let (mut points, mut alike) = (0, 0);
    let mut before: Option<(World, Vec<SimFlash>)> = None;
    for steps in (0..).filter(|steps| steps / STRETCH % 2 == half) {
        let flash = SimFlash::default();
        let Some(world) = until_cut(&flash, World::new(), steps) else {
            println!(
                "the day has up to {steps} steps; {points} cuts of half of it were tried, {alike} more are alike"
            );
            assert!(steps > 600, "{steps}");
            return;
        };
        let all = flash.after_cut();
        for left in &all {
            let same = |other: &SimFlash| other.holds_the_same(left);
            if let Some((known, others)) = &before
                && *known == world
                && others.iter().any(same)
            {
                alike += 1;
                continue;
            }
            let mut world = world.clone();
            let agent = live(&left.twin(), &mut world, |_| {}).unwrap();
            agent.judge_day(&world, 1);
            points += 1;
        }
        before = Some((world, all));
    }
}

#[test]
fn the_power_may_go_at_every_step_of_a_day_and_nothing_is_lost_or_doubled() {
    cut_everywhere_in(0);
}

#[test]
fn the_same_for_the_other_half_of_the_steps() {
    cut_everywhere_in(1);
}

#[test]
fn the_power_may_go_again_soon_after_it_came_back() {
    let mut points = 0;
    for steps in (0..).step_by(67) {
        let flash = SimFlash::default();
        let Some(world) = until_cut(&flash, World::new(), steps) else {
            println!("{points} pairs of cuts were tried");
            return;
        };
        for left in flash.after_cut() {
            for more in [0, 1, 2, 3, 5, 8, 13, 21, 34] {
                let again = left.twin();
                let Some(world) = until_cut(&again, world.clone(), more) else {
                    break;
                };
                for left in again.after_cut() {
                    let mut world = world.clone();
                    let agent = live(&left, &mut world, |_| {}).unwrap();
                    agent.judge_day(&world, 2);
                    points += 1;
                }
            }
        }
    }
}

#[test]
fn a_flash_that_is_full_broken_or_read_only_for_a_while_costs_time_only() {
    let mut days = 0;
    for begin in 0..8 {
        for left in (0..1200).step_by(150) {
            for fault in [
                Fault::Full(left),
                Fault::Broken(left),
                Fault::NoSync,
                Fault::ReadOnly,
            ] {
                if left > 0 && matches!(fault, Fault::NoSync | Fault::ReadOnly) {
                    continue;
                }
                let (flash, mut world) = (SimFlash::default(), World::new());
                let strike = |round: usize| match round {
                    _ if round == begin => flash.fail(fault),
                    _ if round == begin + 3 => flash.fail(Fault::None),
                    _ => {}
                };
                let agent = live(&flash, &mut world, strike).unwrap();
                agent.judge_day(&world, 0);
                drop(agent);
                let agent = live(&flash.twin(), &mut world, |_| {}).unwrap();
                // An order whose end could not be noted is told of once more.
                agent.judge_day(&world, 1);
                days += 1;
            }
        }
    }
    println!("{days} days with a flash that fails for three rounds");
}

#[test]
fn a_corrupted_byte_anywhere_stops_nobody_from_working() {
    let (flash, mut world) = (SimFlash::default(), World::new());
    drop(live(&flash, &mut world, |_| {}).unwrap());
    let mut flips = 0;
    for (segment, length) in flash.byte_count() {
        for byte in (0..length).step_by(31) {
            let hurt = flash.twin();
            hurt.flip(segment, byte, 0x40);
            let mut world = world.clone();
            let again = live(&hurt, &mut world, |_| {});
            assert!(again.is_ok(), "byte {byte} of {segment}");
            flips += 1;
        }
    }
    println!("{flips} corrupted bytes");
}
