//! A model of several candidates and one Lease. Requests arrive late, in any order or never; responses get lost;
//! candidates time out, release, crash and are replaced. In every interleaving, the time between the close of one gate
//! and the opening of another is at least the duration of one write, so that writes under the first gate have ended.

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

/// The next event. Numbers are taken modulo the number of candidates or messages.
#[derive(Debug, Clone)]
enum Event {
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Time passes until a candidate considers the lease free: the earliest time for an error.
    Lapse(usize),
    /// A candidate sends a request and receives the response at once, the usual case.
    Turn(usize),
    /// A candidate sends a request, unless it waits for a response.
    Act(usize),
    /// A request arrives at the server.
    Arrive(usize),
    /// A response arrives at its candidate.
    Answer(usize),
    /// A candidate times out. Its request stays in transit.
    GiveUp(usize),
    /// Another client edits the labels of the Lease.
    Touch,
    /// A candidate stops: its gate closes.
    Close(usize),
    /// A candidate whose gate was closed long enough ago releases the Lease.
    Release(usize),
    /// A candidate crashes and another starts. Its requests stay in transit.
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
        2 => some.clone().prop_map(Event::Release),
        2 => some.prop_map(Event::Replace),
    ]
}

#[derive(Debug)]
struct Message {
    from: usize,
    sent: Instant,
    request: Request,
    answer: Option<Reply>,
}

#[derive(Debug)]
enum Request {
    Read,
    Write(Box<Lease>),
}

#[derive(Debug, Clone)]
enum Reply {
    Read(Option<Box<Lease>>),
    Wrote(Box<Lease>),
    Conflict,
}

struct Process {
    candidate: Candidate,
    waits_for: Option<usize>,
    must_read: bool,
    closed: bool,
    /// The last time at which its gate was open.
    open_last: Option<Instant>,
}

struct Model {
    now: Instant,
    record: Option<Lease>,
    version: u64,
    messages: Vec<Message>,
    processes: Vec<Process>,
    /// The last times at which the gates of crashed processes were open.
    crashed: Vec<Instant>,
    started: usize,
    leader_terms: usize,
}

impl Model {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            record: None,
            version: 0,
            messages: Vec::new(),
            processes: (0..CANDIDATES).map(Process::new).collect(),
            crashed: Vec::new(),
            started: CANDIDATES,
            leader_terms: 0,
        }
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Event::Lapse(index) => self.lapse(index % CANDIDATES),
            Event::Turn(index) => self.turn(index % CANDIDATES),
            Event::Act(index) => self.act(index % CANDIDATES),
            Event::Arrive(which) => self.arrive(which),
            Event::Answer(which) => self.answer(which),
            Event::GiveUp(index) => self.processes[index % CANDIDATES].waits_for = None,
            Event::Touch => {
                if let Some(lease) = self.record.take() {
                    self.store(lease);
                }
            }
            Event::Close(index) => self.processes[index % CANDIDATES].closed = true,
            Event::Release(index) => self.release(index % CANDIDATES),
            Event::Replace(index) => self.replace(index % CANDIDATES),
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

    fn lapse(&mut self, index: usize) {
        let step = Duration::from_millis(100);
        for _ in 0..200 {
            if self.processes[index].candidate.decide(self.now) == Action::Write {
                return;
            }
            self.pass(step);
        }
    }

    fn turn(&mut self, index: usize) {
        self.act(index);
        let Some(at) = self.processes[index].waits_for else {
            return;
        };
        self.deliver(at);
        self.hear(at);
    }

    fn replace(&mut self, index: usize) {
        self.crashed.extend(self.processes[index].open_last);
        self.processes[index] = Process::new(self.started);
        self.started += 1;
    }

    fn act(&mut self, index: usize) {
        let process = &mut self.processes[index];
        if process.waits_for.is_some() || process.closed {
            return;
        }
        let request = match process.candidate.decide(self.now) {
            Action::Write if !process.must_read => {
                Request::Write(Box::new(process.candidate.draft(Timestamp::UNIX_EPOCH)))
            }
            Action::Read | Action::Write => Request::Read,
        };
        self.send(index, request);
    }

    /// As `LeaderElection::release`: only after the maximum duration of a write, unless no write was possible.
    fn release(&mut self, index: usize) {
        let process = &self.processes[index];
        let drained = process.open_last.is_none_or(|last| self.now >= last + OPERATION);
        if !process.closed || !drained {
            return;
        }
        if let Some(lease) = process.candidate.release_draft(Timestamp::UNIX_EPOCH) {
            self.send(index, Request::Write(Box::new(lease)));
        }
    }

    fn send(&mut self, from: usize, request: Request) {
        self.processes[from].waits_for = Some(self.messages.len());
        let sent = self.now;
        self.messages.push(Message {
            from,
            sent,
            request,
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
        let reply = match &self.messages[at].request {
            Request::Read => Reply::Read(self.record.clone().map(Box::new)),
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
            Reply::Read(lease) => {
                process.must_read = false;
                process
                    .candidate
                    .observe_read(lease.map(|lease| *lease), self.now);
            }
            Reply::Wrote(lease) => process.candidate.observe_write(*lease, message.sent, self.now),
            Reply::Conflict => process.must_read = true,
        }
    }

    /// Checks the invariant after an event. Gates that close while time passes can only help.
    fn check(&mut self) {
        for index in 0..CANDIDATES {
            if self.processes[index].open_until(self.now).is_none() {
                continue;
            }
            let other_processes = self
                .processes
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            let open_last = other_processes
                .filter_map(|(_, process)| process.open_last)
                .chain(self.crashed.iter().copied());
            for last in open_last {
                assert!(
                    last + OPERATION <= self.now,
                    "{index} may write while a write of another process is in progress"
                );
            }
            if self.processes[index].open_last.is_none() {
                self.leader_terms += 1;
            }
            self.processes[index].open_last = Some(self.now);
        }
    }
}

impl Process {
    fn new(name: usize) -> Self {
        Self {
            candidate: candidate(&format!("candidate-{name}")),
            waits_for: None,
            must_read: false,
            closed: false,
            open_last: None,
        }
    }

    fn open_until(&self, now: Instant) -> Option<Instant> {
        match self.candidate.claim(now) {
            Claim::Held { until, .. } if !self.closed => Some(until),
            _ => None,
        }
    }
}

/// Applies events. Returns the number of processes that held the lease.
fn play(events: &[Event]) -> usize {
    let mut model = Model::new();
    for event in events {
        model.apply(event);
        model.check();
    }
    model.leader_terms
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_gates_are_never_open_within_one_write(events in prop::collection::vec(event(), 1..300)) {
        play(&events);
    }
}

#[test]
fn model_hands_the_lease_over() {
    let turns = |index| [Event::Turn(index), Event::Turn(index)];
    let events = [
        turns(0).to_vec(),
        vec![Event::Turn(1), Event::Pass(15_000), Event::Turn(1)],
        vec![Event::Close(1), Event::Pass(14_000), Event::Release(1)],
        vec![Event::Arrive(0), Event::Answer(0)],
        turns(2).to_vec(),
    ];
    assert_eq!(play(&events.concat()), 3);
}
