//! The report of Figure 3.

use super::super::report::{cell, made_with, table};
use super::super::{PaperTask, Settings, Spread, paper};
use super::{Fig3, Group, Outcome, THEORY, TaskPruned, TheoryRow};
use crate::constraint::prune::PruneMethod;

pub(super) fn report(settings: &Settings, groups: &[Group], theory: &[TheoryRow], result: &Fig3) -> String {
    let mut out = String::from("# Figure 3: ours beside the paper’s\n\n");
    if let Some(warning) = &result.warning {
        out += &format!("**{warning}**\n\n");
    }
    out += "Networks trained with Dale’s backprop, pruned as a whole, after Balwani, Wang, Najafi, Choi, “Constructing \
            biologically constrained RNNs via Dale’s backpropagation and topologically-informed pruning”, Science \
            Advances 2025. The drawing is `fig3.svg`, every number of it in `fig3.csv`; the runs from pruned networks \
            are in `../runs/TASK/dale-PRUNING/seedN`.\n\n";
    let reports =
        groups.iter().flat_map(|group| group.retrained.iter().flatten()).filter_map(|(_, outcome)| match outcome {
            Outcome::Finished(finished) => Some(&finished.report),
            Outcome::Diverged { .. } => None,
        });
    out += &made_with(settings, reports);
    out += &format!("\nThe paper’s numbers: {}\n", paper::fig3_note());
    for (group, task) in groups.iter().zip(&result.tasks) {
        out += &format!("\n## {}: {}\n\n", task.task, task.error.to_lowercase());
        out += &format!(
            "Straight after pruning, mean over {} networks and {} connection probabilities from 0 to 1:\n\n",
            group.tested.len(),
            paper::probabilities().len()
        );
        let number = |value| cell(value, |value| format!("{value:.5}"));
        let means = task.methods.iter().map(|m| vec![m.pruning.into(), number(m.mean), number(m.paper_mean)]);
        out += &table(&["pruning", "ours", "paper"], means);
        out += "\nMean over networks at each connection probability:\n\n";
        out += &by_probability(group, task);
        out += &format!("\nTrained on from connection probability {:.3}:\n\n", task.retrained_from);
        out += &recovery(task);
    }
    out += "\n## Overlap with the maximum spanning tree\n\n";
    out += "|W| uniform in (0, 1), scaled to a maximum of 1. Mean over draws, with the expectation for random pruning and \
            the paper’s lower bound for top-prob.\n\n";
    out += &trees(theory);
    out + &differences(settings, groups, result.warning.is_some())
}

fn by_probability(group: &Group, task: &TaskPruned) -> String {
    let mean = |errors: &[Vec<f64>], k: usize| {
        let spread = Spread::new(errors.iter().map(|errors| errors[k]).collect());
        cell(spread.mean, |value| format!("{value:.5}"))
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
    let number = |value| cell(value, |value| format!("{value:.5}"));
    let list = |spread: &Spread| spread.values.iter().map(|value| format!("{value:.5}")).collect::<Vec<_>>().join(", ");
    let rows = task.methods.iter().map(|method| {
        let ratio = method.retrained.median.zip(task.unpruned.median).map(|(after, before)| after / before);
        vec![
            method.pruning.into(),
            number(task.unpruned.median),
            number(method.at_once.median),
            number(method.retrained.median),
            cell(ratio, |ratio| format!("{ratio:.2}")),
            list(&method.retrained),
        ]
    });
    let head = ["pruning", "unpruned, median", "just pruned", "retrained", "retrained / unpruned", "every network"];
    table(&head, rows)
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
    out += "- Random numbers are daleian’s own, and the networks are those of our Figure 2.\n";
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
