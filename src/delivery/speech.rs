//! What a call says next. Pure: the script, where the call stands and what
//! happened -> what is spoken, and what it means for the delivery.

use crate::carrier::{CallEvent, Passage, Phase, Step};
use crate::model::{Cause, Progress, Script};

/// The key that asks for the code.
const HEAR: char = '1';
/// The key that says "I did not ask for this".
const NOT_ASKED: char = '9';

/// What a call says when somebody answers.
pub fn opening(script: &Script) -> Step {
    if script.gate.is_empty() { code(script) } else { gate(script, 1) }
}

/// What is spoken next (`None`: hang up), and what is reported.
pub fn next(script: &Script, phase: Phase, event: CallEvent) -> (Option<Step>, Option<Progress>) {
    let failed = |cause| Some(Progress::Failed(cause));
    match (phase, event) {
        (Phase::Ringing, CallEvent::AnsweredByPerson) => (Some(opening(script)), Some(Progress::Answered)),
        // A code on a machine is a code for whoever hears the machine.
        (_, CallEvent::AnsweredByMachine) => (None, failed(Cause::AnsweredByMachine)),
        (Phase::Gate(_), CallEvent::Key(HEAR)) => (Some(code(script)), None),
        (Phase::Gate(_), CallEvent::Key(NOT_ASKED)) => {
            (Some(step(script, Phase::Over, Passage::NotAsked)), failed(Cause::DeclinedByPerson))
        }
        (Phase::Gate(spoken), CallEvent::Key(_) | CallEvent::NoKey) if spoken < script.gate_repeats => {
            (Some(gate(script, spoken + 1)), None)
        }
        (Phase::Gate(_), CallEvent::Key(_) | CallEvent::NoKey) => {
            (Some(step(script, Phase::Over, Passage::NoKey)), failed(Cause::NotAcknowledged))
        }
        (Phase::Gate(_), _) => (None, failed(Cause::NotAcknowledged)),
        (Phase::Code, CallEvent::Ended | CallEvent::NoKey) => (None, Some(Progress::Delivered)),
        // Keys pressed while the code is spoken do not stop it.
        (Phase::Code, _) => (Some(code(script)), None),
        (Phase::Ringing | Phase::Over, _) => (None, None),
    }
}

fn gate(script: &Script, n: u8) -> Step {
    Step { await_key_ms: Some(script.gate_wait_ms), ..step(script, Phase::Gate(n), Passage::Gate) }
}

fn code(script: &Script) -> Step {
    step(script, Phase::Code, Passage::Code)
}

fn step(script: &Script, phase: Phase, passage: Passage) -> Step {
    let (locale, say) = (script.locale.clone(), passage.of(script).to_vec());
    Step { phase, passage, locale, say, await_key_ms: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Locale, Part};

    fn script() -> Script {
        let prompt = |name: &str| vec![Part::Prompt { name: name.into(), text: name.into() }];
        Script {
            locale: Locale::english(),
            gate: prompt("gate"),
            code: vec![Part::Digit(4)],
            not_asked: prompt("not_asked"),
            no_key: prompt("no_key"),
            gate_wait_ms: 8_000,
            gate_repeats: 2,
        }
    }

    fn speaks_a_digit(step: &Option<Step>) -> bool {
        step.iter().flat_map(|step| &step.say).any(|part| matches!(part, Part::Digit(_)))
    }

    #[test]
    fn only_the_key_one_brings_the_code() {
        let script = script();
        let keys = ('0'..='9').chain(['*', '#', 'x', '１']);
        for key in keys {
            let (step, _) = next(&script, Phase::Gate(1), CallEvent::Key(key));
            assert_eq!(speaks_a_digit(&step), key == '1', "{key}");
        }
        for event in [CallEvent::AnsweredByPerson, CallEvent::AnsweredByMachine, CallEvent::NoKey, CallEvent::Ended] {
            for phase in [Phase::Ringing, Phase::Gate(1), Phase::Gate(2), Phase::Over] {
                assert!(!speaks_a_digit(&next(&script, phase, event).0), "{phase:?} {event:?}");
            }
        }
    }

    #[test]
    fn the_gate_is_repeated_and_then_given_up() {
        let script = script();
        assert_eq!(next(&script, Phase::Gate(1), CallEvent::NoKey).0.unwrap().phase, Phase::Gate(2));
        let (step, progress) = next(&script, Phase::Gate(2), CallEvent::NoKey);
        assert_eq!(step.unwrap().phase, Phase::Over);
        assert_eq!(progress, Some(Progress::Failed(Cause::NotAcknowledged)));
        let (_, progress) = next(&script, Phase::Gate(1), CallEvent::Key('9'));
        assert_eq!(progress, Some(Progress::Failed(Cause::DeclinedByPerson)));
    }

    #[test]
    fn without_a_gate_the_code_is_spoken_at_once_but_never_to_a_machine() {
        let script = Script { gate: Vec::new(), ..script() };
        assert!(speaks_a_digit(&next(&script, Phase::Ringing, CallEvent::AnsweredByPerson).0));
        assert!(next(&script, Phase::Ringing, CallEvent::AnsweredByMachine).0.is_none());
    }
}
