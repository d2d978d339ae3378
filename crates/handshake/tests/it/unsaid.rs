//! Words that contracts of before leave out: what goes on without them, and what does not.

use countersign_core::{Algorithm, Binding};
use countersign_handshake::strict_json::Object;
use countersign_handshake::{Choice, ClientConfig, ClientSession, Continuation, Contract, Established, HandshakeError, Need, Resumption};

use crate::pair::{Gateway, client, shake};
use crate::renewal::{asks, judge, takes, token};
use crate::resumption::{come_back, goes_on, lasting, opened};

/// The three, each as a contract says it, with a word that no gateway says.
const UNSAYABLE: [(Choice, &str); 3] =
    [(Choice::CodOn, "lost-or-ended"), (Choice::CodRearm, "on-return"), (Choice::CodShutdown, "unless-handed-over")];

fn wishing() -> ClientConfig {
    let mut config = lasting(Binding::Exp);
    config.offer.want.choices.insert(Choice::Cod, vec!["session".to_owned()]);
    config
}

fn read(text: &str) -> Option<Contract> {
    Contract::from_object(&Object::parse(text.as_bytes()).unwrap())
}

/// The contract with a member as this text, or without it.
fn with(contract: &Contract, parameter: Choice, value: Option<serde_json::Value>) -> Option<Contract> {
    let mut members = contract.to_json();
    match value {
        Some(value) => members[parameter.name()] = value,
        None => drop(members.as_object_mut().map(|members| members.remove(parameter.name()))),
    }
    read(&members.to_string())
}

fn without(contract: &Contract, parameter: Choice) -> Contract {
    with(contract, parameter, None).unwrap()
}

fn other(contract: &Contract, parameter: Choice) -> Contract {
    with(contract, parameter, Some("another".into())).unwrap()
}

#[test]
fn the_contract_of_a_gateway_that_says_less_of_the_policy_is_taken_and_goes_on() {
    // HS-134
    let said = shake(&mut Gateway::new(), &wishing()).unwrap().0.contract;
    let unsaid = UNSAYABLE.iter().fold(said.clone(), |contract, (parameter, _)| without(&contract, *parameter));
    assert_eq!((unsaid.choice(Choice::CodOn), unsaid.choice(Choice::Cod)), ("", "session"));
    assert!(!unsaid.to_text().contains("cod_on\":"), "what was not agreed is not said when it goes on: {}", unsaid.to_text());
    assert_eq!(read(&unsaid.to_text()).unwrap(), unsaid);
    assert!(unsaid.continues(&said, None) && said.continues(&unsaid, None));
    for (parameter, _) in UNSAYABLE {
        assert!(!other(&said, parameter).continues(&said, None), "two that say it differently are two contracts");
    }
}

#[test]
fn no_word_is_an_empty_one() {
    // HS-52 HS-134
    let said = shake(&mut Gateway::new(), &wishing()).unwrap().0.contract;
    for parameter in Choice::ALL {
        assert_eq!(with(&said, *parameter, Some("".into())), None, "{}", parameter.name());
        assert_eq!(with(&said, *parameter, None).is_some(), parameter.may_be_unsaid(), "{}", parameter.name());
    }
}

#[test]
fn what_is_not_said_meets_no_need() {
    // HS-134
    let said = shake(&mut Gateway::new(), &wishing()).unwrap().0.contract;
    for (parameter, word) in UNSAYABLE {
        let need = |word: &str| Need { choices: [(parameter, [word.to_owned()].into())].into(), ..Need::default() };
        assert!(said.unmet(&need(word)).is_empty());
        assert_eq!(without(&said, parameter).unmet(&need(word)), [parameter.name()]);
        assert_eq!(without(&said, parameter).unmet(&need("")), [parameter.name()], "not even a need for nothing");
    }
}

/// Comes back again and again, to a gateway that says these contracts one after the other; the last answer.
#[expect(clippy::unwrap_in_result, reason = "what fails here is the test, not the answer")]
fn resumed(config: &ClientConfig, says: &[&dyn Fn(&Contract) -> Contract]) -> Result<ClientSession, HandshakeError> {
    let mut gateway = Gateway::new();
    let (session, established, mut resumption) = opened(&mut gateway, config);
    let mut last = Ok(session);
    for (told, generation) in says.iter().zip(2..) {
        let contract = told(&established.contract);
        let session = Continuation { contract: contract.clone(), generation, ..goes_on(&established, &resumption) };
        last = come_back(&mut gateway, config, &resumption, session).unwrap();
        let Ok(session) = &last else { break };
        assert_eq!(session.contract, contract, "what was signed, and no word of before");
        resumption = Resumption { numbers: resumption.numbers, ..session.resumption.clone().unwrap() };
    }
    last
}

#[test]
fn a_word_that_is_left_out_once_is_no_other_one_afterwards_on_resume() {
    // HS-126 HS-134
    for (parameter, _) in UNSAYABLE {
        let silent = |contract: &Contract| without(contract, parameter);
        let changed = |contract: &Contract| other(contract, parameter);
        let same = Contract::clone;
        assert!(resumed(&wishing(), &[&silent, &same, &silent, &silent, &same]).is_ok());
        let refused = |says: &[&dyn Fn(&Contract) -> Contract]| resumed(&wishing(), says).map(drop).unwrap_err();
        assert_eq!(refused(&[&changed]), HandshakeError::Continuity("grant"));
        assert_eq!(refused(&[&silent, &changed]), HandshakeError::Continuity("grant"), "{}", parameter.name());
        assert_eq!(refused(&[&silent, &silent, &changed]), HandshakeError::Continuity("grant"), "{}", parameter.name());
    }
}

/// The same by re-grants, on one connection; with or without resumption.
#[expect(clippy::unwrap_in_result, reason = "what fails here is the test, not the answer")]
fn regranted(config: &ClientConfig, says: &[&dyn Fn(&Contract) -> Contract]) -> Result<(), HandshakeError> {
    let mut gateway = Gateway::new();
    let (mut session, mut established): (ClientSession, Established) = shake(&mut gateway, config).unwrap();
    let first = established.contract.clone();
    for told in says {
        established.contract = told(&first);
        let asked = asks(&mut gateway, &mut established, &session, None);
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        takes(&gateway, &mut session, Some(&asked), &renewed, &Need::default())?;
        assert_eq!(session.contract, renewed.contract);
    }
    Ok(())
}

#[test]
fn a_word_that_is_left_out_once_is_no_other_one_afterwards_on_a_regrant() {
    // HS-123 HS-134
    let mut fleeting = client(Algorithm::Ed25519, Binding::Exp);
    fleeting.offer.want = wishing().offer.want;
    fleeting.offer.want.quantities.clear();
    for ((parameter, _), config) in UNSAYABLE.iter().flat_map(|each| [(*each, wishing()), (*each, fleeting.clone())]) {
        let silent = |contract: &Contract| without(contract, parameter);
        let changed = |contract: &Contract| other(contract, parameter);
        assert_eq!(regranted(&config, &[&silent, &Contract::clone, &silent]), Ok(()));
        assert_eq!(regranted(&config, &[&silent, &changed]), Err(HandshakeError::Continuity("grant")), "{}", parameter.name());
    }
}

#[test]
fn who_needs_one_of_the_words_is_told_when_a_session_goes_on_without_it() {
    // HS-59 HS-134
    for (parameter, word) in UNSAYABLE {
        let mut needing = wishing();
        needing.offer.need.choices.insert(parameter, [word.to_owned()].into());
        let silent = |contract: &Contract| without(contract, parameter);
        assert!(resumed(&needing, &[&Contract::clone]).is_ok());
        let unmet = HandshakeError::NeedUnmet(vec![parameter.name().to_owned()]);
        assert_eq!(resumed(&needing, &[&silent]).map(drop).unwrap_err(), unmet);
    }
}
