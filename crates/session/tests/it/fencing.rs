//! Fencing and spent tickets, all interleavings of a client, a thief and a network that loses replies.
//!
//! ```text
//!   party: holds ticket ─ Show ─▶ gateway: generation rule ─▶ reply under way ─ Receive ─▶ holds the new one ─ Confirm ─▶ spent
//!                                     └ fences whoever was connected         └ LoseReply       (only while it is connected)
//! ```
//!
//! The rule is the real one ([`Generations`]); two wrong ones show that the properties can fail: one that spends a ticket when it is
//! shown, and one that never spends.

use countersign_session::{Generations, Reuse};
use stateright::{Checker as _, Model, Property};

/// Tickets given at most: every interesting history is over before.
const GENERATIONS_MAX: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    NeverSpends,
    Real,
    SpendsWhenShown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Client,
    Thief,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Party {
    holds: Option<u64>,
    /// A reply on its way, with the ticket in it.
    under_way: Option<u64>,
    /// Its connection, by number; whether it is the newest is the gateway's knowledge.
    connection: Option<u8>,
    /// Whether it has the reply of that connection.
    answered: bool,
    /// Whether it confirmed a connection that it made after the theft.
    confirmed_since: bool,
    /// Whether its present connection was made after the theft.
    since: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    generations: Generations,
    issued: u64,
    revoked: bool,
    stolen: bool,
    /// Connections not fenced, by number.
    unfenced: Vec<u8>,
    connections: u8,
    client: Party,
    thief: Party,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Confirm(Who),
    LoseConnection(Who),
    LoseReply(Who),
    Receive(Who),
    Show(Who),
    Steal,
}

struct Fencing(Rule);

impl State {
    fn party(&mut self, who: Who) -> &mut Party {
        match who {
            Who::Client => &mut self.client,
            Who::Thief => &mut self.thief,
        }
    }

    fn leave(&mut self, who: Who) {
        let party = self.party(who);
        (party.under_way, party.answered) = (None, false);
        if let Some(connection) = party.connection.take() {
            self.unfenced.retain(|each| *each != connection);
        }
    }
}

impl Fencing {
    fn show(&self, state: &mut State, shown: u64) -> Result<u64, Reuse> {
        let mut next = state.generations;
        let given = match self.0 {
            Rule::NeverSpends => next.show(shown).or(Ok(state.issued + 1)),
            Rule::Real => next.show(shown),
            Rule::SpendsWhenShown => {
                let given = next.show(shown);
                next.confirm();
                given
            }
        }?;
        state.generations = next;
        state.issued = given;
        Ok(given)
    }
}

impl Model for Fencing {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut generations = Generations::new();
        generations.confirm();
        let nobody = Party { holds: None, under_way: None, connection: None, answered: false, confirmed_since: false, since: false };
        let client = Party { holds: Some(1), connection: Some(0), answered: true, ..nobody };
        vec![State { generations, issued: 1, revoked: false, stolen: false, unfenced: vec![0], connections: 1, client, thief: nobody }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.revoked {
            return;
        }
        for who in [Who::Client, Who::Thief] {
            let party = match who {
                Who::Client => &state.client,
                Who::Thief => &state.thief,
            };
            if party.holds.is_some() && state.issued < GENERATIONS_MAX {
                actions.push(Action::Show(who));
            }
            if party.under_way.is_some() {
                actions.extend([Action::Receive(who), Action::LoseReply(who)]);
            }
            if party.connection.is_some() {
                actions.push(Action::LoseConnection(who));
            }
            if party.answered && party.connection.is_some_and(|connection| state.unfenced.contains(&connection)) {
                actions.push(Action::Confirm(who));
            }
        }
        if !state.stolen {
            actions.push(Action::Steal);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Confirm(who) => {
                state.generations.confirm();
                let since = state.party(who).since;
                state.party(who).confirmed_since |= since;
            }
            Action::LoseConnection(who) | Action::LoseReply(who) => state.leave(who),
            Action::Receive(who) => {
                let party = state.party(who);
                party.holds = party.under_way.take();
                party.answered = true;
            }
            Action::Show(who) => {
                let shown = state.party(who).holds?;
                state.leave(who);
                match self.show(&mut state, shown) {
                    Err(Reuse) => state.revoked = true,
                    Ok(given) => {
                        let connection = state.connections;
                        state.connections += 1;
                        // The newcomer fences whoever was there.
                        state.unfenced = vec![connection];
                        let since = state.stolen;
                        let party = state.party(who);
                        (party.connection, party.under_way, party.since) = (Some(connection), Some(given), since);
                    }
                }
            }
            Action::Steal => {
                state.stolen = true;
                state.thief.holds = state.client.holds;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one connection is not fenced", |_, state: &State| state.unfenced.len() <= 1),
            Property::always("a client that is alone is never revoked", |_, state: &State| state.stolen || !state.revoked),
            Property::always("theft is found out when both have gone on", |_, state: &State| {
                state.revoked || !(state.client.confirmed_since && state.thief.confirmed_since)
            }),
            Property::sometimes("a thief gets in", |_, state: &State| state.thief.confirmed_since),
            Property::sometimes("a theft is found out", |_, state: &State| state.revoked),
            Property::sometimes("a client comes back after a lost reply", |_, state: &State| {
                !state.stolen && state.issued >= 3 && state.client.holds == Some(state.issued) && state.client.answered
            }),
        ]
    }
}

#[test]
fn at_most_one_connection_and_no_theft_unnoticed() {
    // HS-84 HS-85
    let checked = Fencing(Rule::Real).checker().spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.unique_state_count() > 500, "{}", checked.unique_state_count());
}

#[test]
fn a_rule_that_spends_when_shown_revokes_honest_clients() {
    let checked = Fencing(Rule::SpendsWhenShown).checker().spawn_bfs().join();
    assert!(checked.discovery("a client that is alone is never revoked").is_some());
}

#[test]
fn a_rule_that_never_spends_misses_theft() {
    let checked = Fencing(Rule::NeverSpends).checker().spawn_bfs().join();
    assert!(checked.discovery("theft is found out when both have gone on").is_some());
}
