//! A model of several candidates and one record: messages arrive late, in any order, twice in effect or never; answers
//! get lost; candidates give up waiting, resign, crash and are replaced by others. Whatever happens, from the moment that one
//! gate closes until another opens there is time for one write, so that what was begun under the first has ended.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::Claim;
use super::super::candidate::{Action, Candidate};
use super::candidate;

const CANDIDATES: usize = 3;
const OPERATION: Duration = Duration::from_secs(4);

/// What happens next. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Event {
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Time passes until a candidate thinks that the lease is free: the earliest moment at which it could go wrong.
    Lapse(usize),
    /// A candidate asks something and is answered at once, as it mostly is.
    Turn(usize),
    /// A candidate asks something, unless it waits for an answer.
    Act(usize),
    /// A message gets to the server.
    Arrive(usize),
    /// An answer gets back.
    Answer(usize),
    /// A candidate stops waiting; its message stays under way.
    GiveUp(usize),
    /// Somebody edits the record's labels.
    Touch,
    /// A candidate stops: its gate closes.
    Close(usize),
    /// A candidate that has closed long enough ago takes its name off the record.
    Resign(usize),
    /// A candidate is gone, as it is, and another begins; what it had sent stays under way.
    Replace(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let some = 0..64_usize;
    prop_oneof![
        8 => (1..3_000_u64).prop_map(Event::Pass),
        1 => (3_000..20_000_u64).prop_map(Event::Pass),
        1 => some.clone().prop_map(Event::Lapse),
        8 => some.clone().prop_map(Event::Turn),
        8 => some.clone().prop_map(Event::Act),
        8 => some.clone().prop_map(Event::Arrive),
        8 => some.clone().prop_map(Event::Answer),
        1 => some.clone().prop_map(Event::GiveUp),
        1 => Just(Event::Touch),
        1 => some.clone().prop_map(Event::Close),
        2 => some.clone().prop_map(Event::Resign),
        2 => some.prop_map(Event::Replace),
    ]
}

#[derive(Debug)]
struct Message {
    from: usize,
    sent: Instant,
    what: Request,
    answer: Option<Reply>,
}

#[derive(Debug)]
enum Request {
    Read,
    Write(Box<Lease>),
}

#[derive(Debug, Clone)]
enum Reply {
    Found(Option<Box<Lease>>),
    Wrote(Box<Lease>),
    Conflict,
}

struct Process {
    thinking: Candidate,
    waits_for: Option<usize>,
    must_look: bool,
    closed: bool,
    /// The last moment at which its gate was open.
    open_last: Option<Instant>,
}

struct Model {
    now: Instant,
    record: Option<Lease>,
    version: u64,
    messages: Vec<Message>,
    processes: Vec<Process>,
    /// When the gates of those that are gone were open last.
    gone: Vec<Instant>,
    begun: usize,
    turns_of_power: usize,
}

impl Model {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            record: None,
            version: 0,
            messages: Vec::new(),
            processes: (0..CANDIDATES).map(Process::new).collect(),
            gone: Vec::new(),
            begun: CANDIDATES,
            turns_of_power: 0,
        }
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Event::Lapse(who) => self.lapse(who % CANDIDATES),
            Event::Turn(who) => self.turn(who % CANDIDATES),
            Event::Act(who) => self.act(who % CANDIDATES),
            Event::Arrive(which) => self.arrive(which),
            Event::Answer(which) => self.answer(which),
            Event::GiveUp(who) => self.processes[who % CANDIDATES].waits_for = None,
            Event::Touch => {
                if let Some(lease) = self.record.take() {
                    self.store(lease);
                }
            }
            Event::Close(who) => self.processes[who % CANDIDATES].closed = true,
            Event::Resign(who) => self.resign(who % CANDIDATES),
            Event::Replace(who) => self.replace(who % CANDIDATES),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for process in &mut self.processes {
            if let Some(until) = process.open_until(self.now) {
                process.open_last = Some(until.min(end));
            }
        }
        self.now = end;
    }

    fn lapse(&mut self, who: usize) {
        let step = Duration::from_millis(100);
        for _ in 0..200 {
            if self.processes[who].thinking.decide(self.now) == Action::Write {
                return;
            }
            self.pass(step);
        }
    }

    fn turn(&mut self, who: usize) {
        self.act(who);
        let Some(at) = self.processes[who].waits_for else {
            return;
        };
        self.deliver(at);
        self.hear(at);
    }

    fn replace(&mut self, who: usize) {
        self.gone.extend(self.processes[who].open_last);
        self.processes[who] = Process::new(self.begun);
        self.begun += 1;
    }

    fn act(&mut self, who: usize) {
        let process = &mut self.processes[who];
        if process.waits_for.is_some() || process.closed {
            return;
        }
        let what = match process.thinking.decide(self.now) {
            Action::Write if !process.must_look => {
                Request::Write(Box::new(process.thinking.draft(Timestamp::UNIX_EPOCH)))
            }
            Action::Look | Action::Write => Request::Read,
        };
        self.send(who, what);
    }

    /// As `LeaderElection::release`: only after the time that a write may take, unless there was nothing to write.
    fn resign(&mut self, who: usize) {
        let process = &self.processes[who];
        let drained = process.open_last.is_none_or(|last| self.now >= last + OPERATION);
        if !process.closed || !drained {
            return;
        }
        if let Some(lease) = process.thinking.resignation(Timestamp::UNIX_EPOCH) {
            self.send(who, Request::Write(Box::new(lease)));
        }
    }

    fn send(&mut self, from: usize, what: Request) {
        self.processes[from].waits_for = Some(self.messages.len());
        let sent = self.now;
        self.messages.push(Message {
            from,
            sent,
            what,
            answer: None,
        });
    }

    fn arrive(&mut self, which: usize) {
        let under_way: Vec<usize> = (0..self.messages.len())
            .filter(|at| self.messages[*at].answer.is_none())
            .collect();
        let Some(&at) = under_way.get(which % under_way.len().max(1)) else {
            return;
        };
        self.deliver(at);
    }

    fn deliver(&mut self, at: usize) {
        if self.messages[at].answer.is_some() {
            return;
        }
        let reply = match &self.messages[at].what {
            Request::Read => Reply::Found(self.record.clone().map(Box::new)),
            Request::Write(lease) => self.write(Lease::clone(lease)),
        };
        self.messages[at].answer = Some(reply);
    }

    fn write(&mut self, lease: Lease) -> Reply {
        let known = self
            .record
            .as_ref()
            .and_then(|lease| lease.metadata.resource_version.as_ref());
        if lease.metadata.resource_version.as_ref() != known {
            return Reply::Conflict;
        }
        Reply::Wrote(Box::new(self.store(lease)))
    }

    fn store(&mut self, mut lease: Lease) -> Lease {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.record = Some(lease.clone());
        lease
    }

    fn answer(&mut self, which: usize) {
        let waiting: Vec<usize> = self
            .processes
            .iter()
            .filter_map(|process| process.waits_for)
            .collect();
        let Some(&at) = waiting.get(which % waiting.len().max(1)) else {
            return;
        };
        self.hear(at);
    }

    fn hear(&mut self, at: usize) {
        let message = &self.messages[at];
        let Some(reply) = message.answer.clone() else {
            return;
        };
        let process = &mut self.processes[message.from];
        process.waits_for = None;
        match reply {
            Reply::Found(found) => {
                process.must_look = false;
                process.thinking.saw(found.map(|lease| *lease), self.now);
            }
            Reply::Wrote(lease) => process.thinking.wrote(*lease, message.sent, self.now),
            Reply::Conflict => process.must_look = true,
        }
    }

    /// Holds after every event; that gates close by themselves while time passes can only help.
    fn check(&mut self) {
        for who in 0..CANDIDATES {
            if self.processes[who].open_until(self.now).is_none() {
                continue;
            }
            let others = self
                .processes
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != who);
            let open_last = others
                .filter_map(|(_, process)| process.open_last)
                .chain(self.gone.iter().copied());
            for last in open_last {
                assert!(
                    last + OPERATION <= self.now,
                    "{who} may write while a write of another may be under way"
                );
            }
            if self.processes[who].open_last.is_none() {
                self.turns_of_power += 1;
            }
            self.processes[who].open_last = Some(self.now);
        }
    }
}

impl Process {
    fn new(name: usize) -> Self {
        Self {
            thinking: candidate(&format!("candidate-{name}")),
            waits_for: None,
            must_look: false,
            closed: false,
            open_last: None,
        }
    }

    fn open_until(&self, now: Instant) -> Option<Instant> {
        match self.thinking.claim(now) {
            Claim::Held { until, .. } if !self.closed => Some(until),
            _ => None,
        }
    }
}

/// How many processes held the lease at one time or another.
fn play(events: &[Event]) -> usize {
    let mut model = Model::new();
    for event in events {
        model.happens(event);
        model.check();
    }
    model.turns_of_power
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_gates_are_never_open_within_the_time_of_one_write(events in prop::collection::vec(event(), 1..300)) {
        play(&events);
    }
}

#[test]
fn the_model_does_hand_the_lease_over() {
    let turns = |who| [Event::Turn(who), Event::Turn(who)];
    let events = [
        turns(0).to_vec(),
        vec![Event::Turn(1), Event::Pass(15_000), Event::Turn(1)],
        vec![Event::Close(1), Event::Pass(14_000), Event::Resign(1)],
        vec![Event::Arrive(0), Event::Answer(0)],
        turns(2).to_vec(),
    ];
    assert_eq!(play(&events.concat()), 3);
}
