//! Drawings of trials.

use super::*;
use crate::figure::check as check_svg;

fn wave(steps: usize, channels: usize, phase: f32) -> Vec<f32> {
    let value = |step: usize, channel: usize| (step as f32 * 0.2 + channel as f32 * 0.7 + phase).sin();
    (0..steps).flat_map(|step| (0..channels).map(move |channel| value(step, channel))).collect()
}

fn drawn(steps: usize, inputs: usize, outputs: usize, class: Option<usize>) -> Vec<String> {
    let (input, target, output) = (wave(steps, inputs, 0.0), wave(steps, outputs, 0.5), wave(steps, outputs, 0.6));
    let trial = Trial {
        inputs: Channels { values: &input, count: inputs },
        target: class.map_or(Target::Series(Channels { values: &target, count: outputs }), Target::Class),
        outputs: Some(Channels { values: &output, count: outputs }),
    };
    let svg = trials("Test trials <3>", &[trial; 3]);
    assert_eq!(svg, trials("Test trials <3>", &[trial; 3]));
    assert!(svg.len() < 1_500_000, "{} bytes", svg.len());
    check_svg(&svg)
}

fn has(texts: &[String], wanted: &[&str]) {
    for text in wanted {
        assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
    }
}

#[test]
fn names_what_it_shows() {
    let common = ["Test trials <3>", "Trial 1", "Trial 3", "Time step"];
    for (inputs, outputs, wanted) in [
        (1, 1, vec!["Input", "Output", "input", "target", "output"]),
        (2, 2, vec!["Input 2", "Output 2"]),
        (18, 18, vec!["Input channel", "Target channel", "Output channel", "18"]),
        (28, 3, vec!["Input channel", "28", "Output 3"]),
    ] {
        let texts = drawn(50, inputs, outputs, None);
        has(&texts, &common);
        has(&texts, &wanted);
    }
    let texts = drawn(28, 28, 10, Some(3));
    has(&texts, &["Class", "Probability", "true class", "Time step", "Input channel"]);
    assert!(texts.iter().any(|text| text.starts_with("Trial 1: class 3, answered ")));
}

/// Only what goes in and what should come out.
#[test]
fn without_outputs_the_task_is_shown() {
    let alone = |inputs: usize, target: Target| {
        let input = wave(50, inputs, 0.0);
        let trial = Trial { inputs: Channels { values: &input, count: inputs }, target, outputs: None };
        check_svg(&trials("A task", &[trial; 3]))
    };
    let target = wave(50, 3, 0.5);
    let texts = alone(3, Target::Series(Channels { values: &target, count: 3 }));
    has(&texts, &["Input 1", "Input 3", "Target 1", "Target 3", "target", "Trial 3", "Time step"]);
    assert!(!texts.iter().any(|text| text.to_lowercase().contains("output")), "{texts:?}");
    let target = wave(50, 18, 0.5);
    let texts = alone(1, Target::Series(Channels { values: &target, count: 18 }));
    has(&texts, &["Input", "Target channel", "18"]);
    assert!(!texts.iter().any(|text| text.to_lowercase().contains("output")), "{texts:?}");
    let texts = alone(28, Target::Class(7));
    has(&texts, &["Trial 1: class 7", "Input channel", "Time step"]);
    assert!(!texts.iter().any(|text| text == "Probability"), "{texts:?}");
}

/// What is NaN is left out, and a class of each step is a line of its own.
#[test]
fn classes_of_each_step_are_drawn_where_they_count() {
    let input = wave(6, 1, 0.0);
    let classes = [0.0, 0.0, f32::NAN, 2.0, 2.0, 1.0];
    let answered = [0.0, 1.0, 1.0, 2.0, 2.0, 2.0];
    fn channels(values: &[f32]) -> Channels<'_> {
        Channels { values, count: 1 }
    }
    let inputs = channels(&input);
    let trial = |outputs| Trial { inputs, target: Target::StepClasses(channels(&classes)), outputs };
    let texts = check_svg(&trials("Labels", &[trial(Some(channels(&answered)))]));
    has(&texts, &["Class", "class", "answered", "Input"]);
    let texts = check_svg(&trials("Labels", &[trial(None)]));
    assert!(!texts.iter().any(|text| text == "answered"), "{texts:?}");
    // a step left out breaks the line in two
    let lines = |values: &[f32]| {
        let svg = trials("", &[Trial { inputs, target: Target::Series(channels(values)), outputs: None }]);
        svg.matches("<polyline").count()
    };
    assert_eq!(lines(&[0.0, 0.0, f32::NAN, 2.0, 2.0, 1.0]), lines(&[0.0, 0.0, 1.0, 2.0, 2.0, 1.0]) + 1);
}

#[test]
fn trials_without_known_targets_show_inputs_and_outputs() {
    let (input, output) = (wave(6, 2, 0.0), wave(6, 9, 0.0));
    for (count, wanted) in [(3, "Output 3"), (9, "Output channel")] {
        let outputs = Some(Channels { values: &output[..6 * count], count });
        let trial = Trial { inputs: Channels { values: &input, count: 2 }, target: Target::Unknown, outputs };
        has(&check_svg(&trials("", &[trial; 2])), &["Input 2", wanted, "Time step"]);
        let trial = Trial { outputs: None, ..trial };
        assert!(!check_svg(&trials("", &[trial])).iter().any(|text| text.starts_with("Output")));
    }
}

#[test]
fn draws_little_and_much() {
    check_svg(&trials("none", &[]));
    drawn(1, 1, 1, None);
    drawn(1, 7, 7, None);
    drawn(100_000, 6, 6, None);
    drawn(2_000, 300, 300, None);
    drawn(784, 1, 10, Some(0));
    let nan = [f32::NAN; 20];
    let zero = [0.0; 20];
    for (values, count) in [(&nan, 1), (&nan, 10), (&zero, 1), (&zero, 10)] {
        let channels = Channels { values, count };
        let targets = [Target::Series(channels), Target::Class(0)];
        for (target, outputs) in targets.into_iter().flat_map(|target| [(target, Some(channels)), (target, None)]) {
            check_svg(&trials("", &[Trial { inputs: channels, target, outputs }]));
        }
    }
}

#[test]
#[should_panic(expected = "not below the number of outputs")]
fn a_class_beyond_the_outputs() {
    drawn(2, 1, 2, Some(2));
}
