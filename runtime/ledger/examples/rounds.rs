//! What a driver's rounds cost the ledger's thread, to be counted by a tool that noise does not disturb:
//!
//! `cargo build --release -p muster-ledger --example rounds`, then
//! `valgrind --tool=callgrind target/release/examples/rounds [people] [at once]`
//!
//! Everybody gets one account. A round records of so many people at once what came of their call, with the look that
//! proves it, and the intents of as many others.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../tests/ledger/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{at, changed, dispatched, joiner, operation_id, person, plan, target, user};
use muster_core::actor::Actor;
use muster_core::connector::AccountState;
use muster_core::id::{OperationId, PlanId};
use muster_core::operation::{AccountSeen, Completion, How, Transition};
use muster_ledger::{Committer, Error, Ledger, Options, Writer, committer};

const TARGET: &str = "app";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: u32| arguments.next().map_or(usual, |text| text.parse().unwrap());
    let (people, at_once) = (number(2_000), number(64));
    let folder = std::env::temp_dir().join(format!("muster-rounds-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ledger = Ledger::open(&folder.join("ledger.redb"), &Options::default()).unwrap();
    ledger
        .write(at(0), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            let joiners = (0..people).map(|number| {
                let mut planned = joiner(id, &key(number), &[TARGET], number * 2 + 1);
                for account in planned.accounts.values_mut() {
                    account.operations.truncate(1);
                    account.grants.clear();
                }
                planned
            });
            plan(writer, joiners)
        })
        .unwrap();
    let committer = Committer::start(ledger, committer::Options::default()).unwrap();
    let began = Instant::now();
    rounds(&committer, people, at_once);
    let each = began.elapsed() / people;
    println!("{people} operations, {at_once} a round: {each:?} each");
    drop(committer);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[inline(never)]
fn rounds(committer: &Committer, people: u32, at_once: u32) {
    let mut settled = 0..0;
    while settled.end < people {
        let claimed = settled.end..(settled.end + at_once).min(people);
        let (settles, claims) = (settled.clone(), claimed.clone());
        let work = move |writer: &mut Writer<'_>| round(writer, settles.clone(), claims.clone());
        committer
            .submit_blocking(at(1), Actor::Daemon, work)
            .unwrap();
        settled = claimed;
    }
    let work = move |writer: &mut Writer<'_>| round(writer, settled.clone(), 0..0);
    committer
        .submit_blocking(at(1), Actor::Daemon, work)
        .unwrap();
}

#[inline(never)]
fn round(
    writer: &mut Writer<'_>,
    settled: std::ops::Range<u32>,
    claimed: std::ops::Range<u32>,
) -> Result<(), Error> {
    for number in settled {
        let (key, id) = (key(number), id(number));
        writer.record(changed(&key, TARGET, id, answered(number)))?;
        let account = Some(account(number));
        let completed = Transition::Completed(Completion::of(How::Verified, account));
        writer.record(changed(&key, TARGET, id, completed))?;
    }
    for number in claimed {
        let key = key(number);
        let known = writer.person(&person(&key))?.unwrap();
        let operation = known.accounts[&target(TARGET)].operations[0].clone();
        writer.record(dispatched(&key, TARGET, operation.id))?;
    }
    Ok(())
}

fn answered(number: u32) -> Transition {
    Transition::Answered {
        verify_at: at(1),
        result: Completion {
            evidence: Some(format!("request-{number}")),
            ..Completion::of(How::Done, Some(account(number)))
        },
    }
}

fn account(number: u32) -> AccountSeen {
    AccountSeen {
        object: user(&key(number)),
        state: AccountState::Active,
    }
}

fn key(number: u32) -> String {
    format!("E{number:07}")
}

fn id(number: u32) -> OperationId {
    operation_id(PlanId(1), number * 2 + 1)
}
