//! Crashes under load: the server, its jobs and its database are killed at random moments while
//! clients upload, train, promote, make keys and have predictions recorded. Whatever a client was
//! told is true afterwards, and nothing is there that nobody asked for.
//!
//! `ACTUARY_CRASH_SEED` repeats the choices of a run (not its timing), `ACTUARY_CRASH_KILLS` sets
//! the number of crashes.

mod audit;
mod ledger;
mod load;
mod victim;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;

use crate::support::Scratch;
use ledger::Ledger;
use load::Client;
use victim::{Blow, Victim};

const KILLS: u64 = 25;
const CLIENTS: u64 = 6;
/// How soon after a crash requests must be served again.
const RECOVERY: Duration = Duration::from_secs(10);
/// Fewer acknowledged operations than so many a crash prove nothing.
const LEAST_LOAD: u64 = 20;
/// How long the jobs that are left may take.
const DRAIN: Duration = Duration::from_secs(90);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_acknowledged_survives_kills_of_everything() {
    let seed = number("ACTUARY_CRASH_SEED").unwrap_or_else(rand::random);
    let kills = number("ACTUARY_CRASH_KILLS").unwrap_or(KILLS);
    println!("ACTUARY_CRASH_SEED={seed} ACTUARY_CRASH_KILLS={kills}");
    let scratch = Scratch::new("crash");
    let mut victim = Victim::start(scratch.path());
    let ledger = Arc::new(Ledger::default());
    load::prepare(&victim.wire(), &ledger).await;

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let client = Client::new(index, seed, victim.wire(), ledger.clone());
            tokio::spawn(client.work(stop.clone()))
        })
        .collect();
    strike(&mut victim, &mut ChaCha8Rng::seed_from_u64(seed), kills).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client that ended well");
    }
    audit::drained(&victim.wire(), &ledger, DRAIN).await;

    // What crashes have left, an ordered end and start don't lose either.
    victim.restart();
    let summary = audit::check(&victim.wire(), &ledger).await;
    println!("{summary}");
    assert!(ledger.acknowledged() >= kills * LEAST_LOAD, "the load was too small: {summary}");
    assert!(kills < 10 || ledger.repeated() > 0, "no crash met a request: {summary}");
    victim.stop();
}

/// Crashes of every kind, the same number of each in random order.
async fn strike(victim: &mut Victim, random: &mut ChaCha8Rng, kills: u64) {
    let mut deck = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 1..=kills {
        sleep(Duration::from_millis(random.random_range(300..1500))).await;
        if deck.is_empty() {
            deck = Blow::ALL.to_vec();
            deck.shuffle(random);
        }
        let blow = deck.pop().expect("a blow");
        let struck = Instant::now();
        victim.strike(blow, random).await;
        victim.ready(RECOVERY).await;
        println!("{number}: {blow:?}, ready after {:?}", struck.elapsed());
        slowest = slowest.max(struck.elapsed());
    }
    println!("slowest recovery: {slowest:?}");
}
