//! The report of Figure 3.

use super::super::report::{cell, made_with, table};
use super::super::{PaperTask, Settings, Spread, paper};
use super::{Fig3, Group, Outcome, THEORY, THEORY_SEED, TaskPruned, TheoryRow};
use crate::prune::PruneMethod;

pub(super) fn report(settings: &Settings, groups: &[Group], theory: &[TheoryRow], result: &Fig3) -> String {
    let mut out = String::from("# Figure 3: ours beside the paper’s\n\n");
    if let Some(warning) = &result.warning {
        out += &format!("**{warning}**\n\n");
    }
    out += "Networks trained with Dale’s backprop, pruned as a whole, after Balwani, Wang, Najafi, Choi, “Constructing \
            biologically constrained RNNs via Dale’s backpropagation and topologically-informed pruning”, Science \
            Advances 2025. The drawing is `fig3.svg`, every number of it in `fig3.csv`; the runs from pruned networks \
            are in `../runs/TASK/dale-PRUNING/seedN`.\n\n";
    let runs = groups.iter().flat_map(|group| group.trained.iter().chain(group.retrained.iter().flatten()));
    let reports = runs.clone().filter_map(|(_, outcome)| outcome.report());
    out += &made_with(settings, reports);
    out += &format!("\nThe paper’s numbers: {}\n", paper::fig3_note());
    for (group, task) in groups.iter().zip(&result.tasks) {
        out += &format!("\n## {}\n\n", group.task.titled(task.data.as_deref()));
        let seeds = list(&task.seeds, u64::to_string);
        out += &format!("Seeds of the networks: {seeds}. Errors: {}.\n\n", task.error.to_lowercase());
        out += &format!(
            "Straight after pruning, over all networks and the {} connection probabilities from 0 to 1:\n\n",
            paper::probabilities().len()
        );
        let number = |value| cell(value, text);
        let rows = task.methods.iter().map(|m| {
            vec![m.pruning.into(), number(m.mean), number(m.paper_mean), number(m.median), number(m.paper_median)]
        });
        out += &table(&["pruning", "mean, ours", "mean, paper", "median, ours", "median, paper"], rows);
        out += "\nThe mean of each network over connection probabilities, in the order of seeds:\n\n";
        out += &by_network(group, task);
        out += "\nMean over networks at each connection probability (of every network in `fig3.csv`):\n\n";
        out += &by_probability(group, task);
        out += &format!("\nTrained on from connection probability {:.3}:\n\n", task.retrained_from);
        out += &recovery(task);
        out += "\nSeconds a run, without pauses:\n\n";
        out += &times(task);
    }
    let diverged = runs.filter_map(|(job, outcome)| match outcome {
        Outcome::Diverged { message, .. } => Some(format!("- {}: {message}\n", job.name())),
        Outcome::Finished(_) => None,
    });
    let diverged: String = diverged.collect();
    if !diverged.is_empty() {
        out += &format!("\n## Runs that diverged\n\n{diverged}");
    }
    out += "\n## Overlap with the maximum spanning tree\n\n";
    out += "|W| uniform in (0, 1), scaled to a maximum of 1. Mean over draws, with the expectation for random pruning and \
            the paper’s lower bound for top-prob.\n\n";
    out += &trees(theory);
    out + &differences(settings, groups, result.warning.is_some())
}

fn text(value: f64) -> String {
    if value.is_finite() { format!("{value:.5}") } else { "diverged".into() }
}

fn list<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    if values.is_empty() { "–".into() } else { values.iter().map(text).collect::<Vec<_>>().join(", ") }
}

fn by_network(group: &Group, task: &TaskPruned) -> String {
    let means = |runs: &[Vec<f64>]| list(runs, |errors: &Vec<f64>| cell(Spread::new(errors.clone()).mean, text));
    let rows = PruneMethod::ALL.iter().zip(&task.methods).map(|(&method, result)| {
        vec![result.pruning.into(), means(&result.errors), means(group.task.paper_errors(method))]
    });
    table(&["pruning", "ours", "paper"], rows)
}

fn by_probability(group: &Group, task: &TaskPruned) -> String {
    let mean = |errors: &[Vec<f64>], k: usize| {
        let spread = Spread::new(errors.iter().map(|errors| errors[k]).collect());
        cell(spread.mean, text)
    };
    let rows = paper::probabilities().iter().enumerate().map(|(k, probability)| {
        let mut cells = vec![format!("{probability:.3}")];
        cells.extend(task.methods.iter().map(|method| mean(&method.errors, k)));
        let theirs = [PruneMethod::TopProb, PruneMethod::Random];
        cells.extend(theirs.map(|method| mean(group.task.paper_errors(method), k)));
        cells
    });
    let head = ["probability", "top-prob", "random", "magnitude", "top-prob, paper", "random, paper"];
    table(&head, rows)
}

fn recovery(task: &TaskPruned) -> String {
    let row = |name: &str, spread: &Spread| {
        let ratio = spread.median.zip(task.unpruned.median).map(|(after, before)| after / before);
        let mut cells = vec![name.into(), cell(spread.mean, text), cell(spread.median, text)];
        cells.push(cell(ratio, |ratio| format!("{ratio:.2}")));
        cells.push(list(&spread.values, |&value| text(value)));
        cells
    };
    let pruned = task.methods.iter().flat_map(|method| {
        [
            row(&format!("{}, just pruned", method.pruning), &method.at_once),
            row(&format!("{}, retrained", method.pruning), &method.retrained),
        ]
    });
    let head = ["network", "mean", "median", "median / unpruned", "every network, in the order of seeds"];
    table(&head, [row("unpruned", &task.unpruned)].into_iter().chain(pruned))
}

fn times(task: &TaskPruned) -> String {
    let row = |name: String, ours: &Spread, theirs: Option<f64>| {
        let seconds = |value| cell(value, |value| format!("{value:.1}"));
        let faster = theirs.zip(ours.median).map(|(theirs, ours)| theirs / ours);
        let ours = [ours.median, ours.least, ours.greatest].map(seconds);
        let theirs = [cell(theirs, |value| format!("{value:.0}")), cell(faster, |value| format!("{value:.1}"))];
        [name].into_iter().chain(ours).chain(theirs).collect()
    };
    let again = task.methods.iter().map(|m| row(format!("trained on after {}", m.pruning), &m.seconds, None));
    let rows = [row("trained".into(), &task.seconds, task.paper_seconds)].into_iter().chain(again);
    table(&["runs", "ours, median", "least", "greatest", "paper’s GPU", "paper’s / ours"], rows)
}

fn trees(theory: &[TheoryRow]) -> String {
    let shown = [0.1, 0.5, 0.9];
    let rows = THEORY.iter().flat_map(|&(n, draws)| {
        shown.iter().map(move |&sparsity| {
            let find = |method: &str| {
                theory.iter().find(|row| row.n == n && row.method == method && (row.sparsity - sparsity).abs() < 1e-9)
            };
            let pair = |row: Option<&TheoryRow>| match row {
                Some(row) => [format!("{:.3}", row.mean), format!("{:.3}", row.bound)],
                None => ["–".into(), "–".into()],
            };
            let mut cells = vec![n.to_string(), draws.to_string(), format!("{sparsity}")];
            cells.extend(pair(find("random")));
            cells.extend(pair(find("top-prob")));
            cells
        })
    });
    table(&["n", "matrices", "sparsity", "random", "expectation", "top-prob", "lower bound"], rows)
}

fn differences(settings: &Settings, groups: &[Group], quick: bool) -> String {
    let mut out = String::from("\n## What differs in setting\n\n");
    out += "- Random numbers are daleian’s own, and the networks are those of our Figure 2, trained with Dale’s backprop: \
            what differs there differs here. A network is pruned and trained on with its own seed.\n";
    out +=
        "- The paper’s times are of one GPU that is not named, ours of one thread a run; of training on it has none.\n";
    out += &format!(
        "- The matrices of the theory are of seed {THEORY_SEED}; the paper stops at n = 100. Random pruning keeps an exact \
         number, top-prob draws each entry.\n"
    );
    out += "- Magnitude is no method of the paper’s: the largest weights stay, as a yardstick.\n";
    out += "- Of the paper’s retraining there are no numbers to compare with: its published curves of the flip-flop \
            evaluate stale outputs.\n";
    if groups.iter().any(|group| group.task == PaperTask::Images) && settings.data.is_none() {
        out +=
            "- **The images are not MNIST**: they are digits that daleian draws itself, of MNIST’s shape and number.\n";
    }
    if quick {
        out += "- This is a taste: fewer runs, epochs and samples than the paper, as said above.\n";
    }
    out
}
