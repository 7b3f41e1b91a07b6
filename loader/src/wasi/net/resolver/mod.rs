//! Looking up names without the C library, so that it works in a program that is linked statically.
//!
//! | file | room |
//! |---|---|
//! | `config.rs` | whom the host asks (`/etc/resolv.conf`), and what it knows itself (`/etc/hosts`) |
//! | `message.rs` | what is asked, and what of an answer is one |
//! | `exchange.rs` | one question to one server, by UDP and, if the answer does not fit, by TCP |
//!
//! A look-up asks for both kinds of addresses at once, each from one server after another, and never sleeps: it says
//! what it waits for. Everything that it reads may be hostile; all of it is bounded.

mod config;
mod exchange;
mod message;

use super::super::errno::Errno;
use super::super::wait::{Stop, Wait, monotonic_ns};
use exchange::{Exchange, Outcome};
use message::Family;
use std::net::{IpAddr, SocketAddr};

/// Most addresses that a look-up gives.
pub(super) const MAX_ADDRESSES: usize = 32;

/// How long one server is waited for, in nanoseconds.
const TRY_NS: u64 = 2_000_000_000;

/// How long a look-up takes at most, in nanoseconds.
const LOOKUP_NS: u64 = 10_000_000_000;

/// How often each server is asked.
const ROUNDS: usize = 2;

/// A look-up that is under way.
#[derive(Debug)]
pub(super) struct Lookup {
    name: String,
    servers: Vec<SocketAddr>,
    until_ns: u64,
    questions: [Question; 2],
}

/// One of its two questions.
#[derive(Debug)]
struct Question {
    family: Family,
    /// How many servers were asked, some of them several times.
    tries: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Asking(Box<Exchange>),
    Done(Vec<IpAddr>),
    Failed(Errno),
}

impl Lookup {
    /// Begins to look a name up. `servers`: who is asked; if none, what the host knows itself comes first, then whom the
    /// host asks.
    pub(super) fn begin(name: &str, servers: &[SocketAddr]) -> Lookup {
        let mut questions =
            [Family::V6, Family::V4].map(|family| Question { family, tries: 0, state: State::Failed(Errno::TIMEDOUT) });
        let mut lookup = Lookup {
            name: name.to_owned(),
            servers: servers.to_vec(),
            until_ns: monotonic_ns().saturating_add(LOOKUP_NS),
            questions: [Family::V6, Family::V4].map(|family| Question {
                family,
                tries: 0,
                state: State::Failed(Errno::TIMEDOUT),
            }),
        };
        if servers.is_empty() {
            let known = config::hosts(name);
            if !known.is_empty() {
                for question in &mut questions {
                    let of_family = known.iter().filter(|address| question.family.has(**address)).copied();
                    question.state = State::Done(of_family.collect());
                }
                lookup.questions = questions;
                return lookup;
            }
            lookup.servers = config::servers();
        }
        for question in &mut lookup.questions {
            question.next(&lookup.name, &lookup.servers);
        }
        lookup
    }

    /// Goes on. The addresses, of the two kinds in turns, each in the order of its answer.
    pub(super) fn step(&mut self) -> Result<Vec<IpAddr>, Stop> {
        let mut wait = Wait::default();
        let over = monotonic_ns() >= self.until_ns;
        for question in &mut self.questions {
            question.step(&self.name, &self.servers, over, &mut wait);
        }
        if !wait.streams.is_empty() {
            let soonest = wait.until_ns.map_or(self.until_ns, |at| at.min(self.until_ns));
            wait.until_ns = Some(soonest);
            return Err(Stop::Wait(wait));
        }
        let addresses = |state: &State| if let State::Done(found) = state { found.clone() } else { Vec::new() };
        let [six, four] = [addresses(&self.questions[0].state), addresses(&self.questions[1].state)];
        let mut found = Vec::new();
        for i in 0..six.len().max(four.len()) {
            found.extend(six.get(i));
            found.extend(four.get(i));
        }
        found.truncate(MAX_ADDRESSES);
        if !found.is_empty() {
            return Ok(found);
        }
        let failed =
            self.questions.iter().find_map(|q| if let State::Failed(errno) = q.state { Some(errno) } else { None });
        Err(failed.unwrap_or(Errno::NOENT).into())
    }
}

impl Question {
    /// Asks the next server; fails for good if all were asked.
    fn next(&mut self, name: &str, servers: &[SocketAddr]) {
        while self.tries < servers.len() * ROUNDS {
            let server = servers[self.tries % servers.len()];
            self.tries += 1;
            match Exchange::begin(name, self.family, server, monotonic_ns().saturating_add(TRY_NS)) {
                Ok(exchange) => {
                    self.state = State::Asking(Box::new(exchange));
                    return;
                }
                Err(errno) => self.state = State::Failed(errno),
            }
        }
        if let State::Asking(_) = self.state {
            self.state = State::Failed(Errno::TIMEDOUT);
        }
    }

    fn step(&mut self, name: &str, servers: &[SocketAddr], over: bool, wait: &mut Wait) {
        while let State::Asking(exchange) = &mut self.state {
            if over {
                self.state = State::Failed(Errno::TIMEDOUT);
                return;
            }
            match exchange.step() {
                Outcome::Wait(fd, events) => {
                    wait.streams.push((fd, events));
                    let until = exchange.until_ns();
                    wait.until_ns = Some(wait.until_ns.map_or(until, |at| at.min(until)));
                    return;
                }
                Outcome::Answer(addresses) => self.state = State::Done(addresses),
                Outcome::NoSuchName => self.state = State::Done(Vec::new()),
                Outcome::NextServer => self.next(name, servers),
            }
        }
    }
}

#[cfg(test)]
mod tests;
