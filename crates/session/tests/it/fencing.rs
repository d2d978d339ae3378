//! Fencing and spent tickets, all interleavings of a client, a thief and a network that loses replies.
//!
//! ```text
//!   party: holds ticket ─ Show ─▶ gateway: generation rule ─▶ reply under way ─ Receive ─▶ holds the new one ─ Confirm ─▶ ready
//!            │                        └ fences whoever was connected         └ LoseReply                          under way ─▶ spent
//!            └ ShowInVain: refused after the ticket was judged (numbers that cannot be, no record); nobody is fenced
//! ```
//!
//! A `ready` outlives the connection as the client sees it: the gateway reads it unless it has fenced that connection.
//! The rule is the real one ([`Generations`]); three wrong ones show that the properties can fail: one that spends a ticket when it
//! is shown, one that never spends, and one that counts a return that was refused.

use countersign_session::{Generations, Reuse};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// Tickets given at most: every interesting history is over before.
const GENERATIONS_MAX: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    CountsRefused,
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

/// A confirmation that the gateway has not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ready {
    who: Who,
    connection: u8,
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
    /// Whether the newest connection was not confirmed yet.
    awaits: bool,
    ready: Option<Ready>,
    /// A return may be refused once: more would add states and no histories.
    refused: bool,
    /// The ticket that the newest connection was made with.
    last: u64,
    /// The rule and the sentence of the specification came to different verdicts.
    differs: bool,
    client: Party,
    thief: Party,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Confirm(Who),
    HearReady,
    LoseConnection(Who),
    LoseReply(Who),
    Receive(Who),
    Show(Who),
    ShowInVain(Who),
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
            Rule::CountsRefused | Rule::Real => next.show(shown),
            Rule::SpendsWhenShown => {
                let given = next.show(shown);
                next.confirm();
                given
            }
        };
        // HS-84, word for word: the last one given, or the one last resumed with until its answer is confirmed.
        let good = shown == state.issued || (shown == state.last && state.awaits);
        state.differs |= good != given.is_ok();
        let given = given?;
        state.generations = next;
        state.issued = given;
        Ok(given)
    }

    /// The ticket is good, and the return is refused all the same. Whether a spent ticket was shown.
    fn show_in_vain(&self, state: &mut State, shown: u64) -> bool {
        let mut next = state.generations;
        let spent = next.show(shown).is_err();
        if self.0 == Rule::CountsRefused && !spent {
            state.generations = next;
        }
        spent
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
        vec![State {
            generations,
            issued: 1,
            revoked: false,
            stolen: false,
            unfenced: vec![0],
            connections: 1,
            awaits: false,
            ready: None,
            refused: false,
            last: 0,
            differs: false,
            client,
            thief: nobody,
        }]
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
                if !state.refused {
                    actions.push(Action::ShowInVain(who));
                }
            }
            if party.under_way.is_some() {
                actions.extend([Action::Receive(who), Action::LoseReply(who)]);
            }
            if party.connection.is_some() {
                actions.push(Action::LoseConnection(who));
            }
            if party.answered && party.connection.is_some() && state.ready.is_none() {
                actions.push(Action::Confirm(who));
            }
        }
        if state.ready.is_some() {
            actions.push(Action::HearReady);
        }
        if !state.stolen {
            actions.push(Action::Steal);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Confirm(who) => {
                let party = state.party(who);
                state.ready = Some(Ready { who, connection: party.connection?, since: party.since });
            }
            Action::HearReady => {
                let Ready { who, connection, since } = state.ready.take()?;
                // Nothing is read of a connection that was fenced; a connection is confirmed once.
                if connection + 1 == state.connections && state.awaits {
                    state.generations.confirm();
                    state.awaits = false;
                    state.party(who).confirmed_since |= since;
                }
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
                        (state.last, state.awaits) = (shown, true);
                        let since = state.stolen;
                        let party = state.party(who);
                        (party.connection, party.under_way, party.since) = (Some(connection), Some(given), since);
                    }
                }
            }
            Action::ShowInVain(who) => {
                let shown = state.party(who).holds?;
                state.leave(who);
                state.refused = true;
                state.revoked = self.show_in_vain(&mut state, shown);
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
            Property::always("a ticket is spent exactly when the specification says so", |_, state: &State| !state.differs),
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

/// Whether a wrong rule breaks a property; the search ends when it does.
fn breaks(rule: Rule, property: &'static str) -> bool {
    let broken = HasDiscoveries::AnyOf([property].into());
    Fencing(rule).checker().finish_when(broken).spawn_bfs().join().discovery(property).is_some()
}

#[test]
fn a_rule_that_spends_when_shown_revokes_honest_clients() {
    assert!(breaks(Rule::SpendsWhenShown, "a client that is alone is never revoked"));
}

#[test]
fn a_rule_that_counts_refused_returns_revokes_honest_clients() {
    // HS-87: what is refused changes nothing.
    assert!(breaks(Rule::CountsRefused, "a client that is alone is never revoked"));
}

#[test]
fn a_rule_that_never_spends_misses_theft() {
    assert!(breaks(Rule::NeverSpends, "theft is found out when both have gone on"));
}
